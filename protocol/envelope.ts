/**
 * Signed statements: what outlives a connection. The signature (Ed25519, the peer's libp2p key)
 * covers a purpose and the canonical bytes of the body, so that a signature for one thing is none
 * for another.
 */

import { blobReference, payloadReference } from './blob-reference.ts'
import { encode } from './codec.ts'
import * as limits from './limits.ts'
import { mergeRule } from './run-config.ts'
import { digest, type Infer, integer, list, nullable, real, struct, text } from './schema.ts'

export type Purpose = 'contribution' | 'manifest' | 'audit' | 'publication' | 'receipt' | 'invite'

export function signingBytes(purpose: Purpose, body: unknown): Uint8Array {
  return encode({ purpose: `barnraise ${purpose} ${limits.PROTOCOL_VERSION}`, body })
}

const leaseId = integer(0, Number.MAX_SAFE_INTEGER)
const roundIndex = integer(0, limits.ROUNDS_MAX)

/** One counted contribution as the manifest lists it, in the canonical order of aggregation. */
export const countedContribution = struct({
  leaseId,
  peer: text(limits.PEER_ID_LENGTH_MAX),
  firstBatch: integer(0, limits.BATCHES_MAX),
  steps: integer(1, limits.STEPS_MAX),
  tokens: integer(1, Number.MAX_SAFE_INTEGER),
  payload: payloadReference,
  /** Its part of the mean is weight · clip · delta / Σ weight: both are what the bounds left. */
  weight: real(0, Number.MAX_SAFE_INTEGER),
  clip: real(0, 1),
})
export type CountedContribution = Infer<typeof countedContribution>

/** Contributions of an earlier round, subtracted before this one was merged. */
export const correctionSchema = struct({
  round: roundIndex,
  /** The manifest of that round, which says how each of them was weighted and clipped. */
  manifest: blobReference,
  /** Ascending. */
  leaseIds: list(leaseId, 1, limits.ROUND_LEASES_MAX),
  /** How much of their part of that round's mean is in theta by now, and in the momentum. */
  theta: real(0, limits.CORRECTION_MAX),
  momentum: real(0, 1),
})
export type Correction = Infer<typeof correctionSchema>

/**
 * What a round did, signed by the coordinator; `parent` is the digest of the manifest before it.
 */
export const manifestSchema = struct({
  runId: digest,
  round: roundIndex,
  parent: nullable(digest),
  /** The adapter the round started from, and the one it made. */
  base: digest,
  adapter: digest,
  checkpoint: blobReference,
  update: blobReference,
  moment: nullable(blobReference),
  /** Outer optimizer and adapter after the round: the state the next round continues from. */
  outerState: blobReference,
  /** Share of the full outer step that was taken (less than 1 where the quorum was missed). */
  outerScale: real(0, 1),
  learningRate: real(0, 1),
  merge: mergeRule,
  corrections: list(correctionSchema, 0, limits.ROUNDS_MAX),
  contributions: list(countedContribution, 1, limits.ROUND_LEASES_MAX),
})
export type Manifest = Infer<typeof manifestSchema>
