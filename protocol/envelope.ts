/**
 * Signed statements: what outlives a connection. The signature (Ed25519, the peer's libp2p key)
 * covers a purpose and the canonical bytes of the body, so that a signature for one thing is none
 * for another.
 */
import { encode } from './codec.ts'
import { type Digest, digestOf } from './digest.ts'
import * as limits from './limits.ts'
import { blobReference } from './run-config.ts'
import { digest, type Infer, integer, list, nullable, real, struct, text } from './schema.ts'

export type Purpose = 'contribution' | 'manifest'

export function signingBytes(purpose: Purpose, body: unknown): Uint8Array {
  return encode({ purpose: `barnraise ${purpose} ${limits.PROTOCOL_VERSION}`, body })
}

/** One counted contribution as the manifest lists it, in the canonical order of aggregation. */
export const countedContribution = struct({
  leaseId: integer(0, Number.MAX_SAFE_INTEGER),
  peer: text(limits.PEER_ID_LENGTH_MAX),
  firstBatch: integer(0, limits.BATCHES_MAX),
  steps: integer(1, limits.STEPS_MAX),
  tokens: integer(1, Number.MAX_SAFE_INTEGER),
  payload: blobReference,
})
export type CountedContribution = Infer<typeof countedContribution>

/**
 * What a round did, signed by the coordinator; `parent` is the digest of the manifest before it.
 */
export const manifestSchema = struct({
  runId: digest,
  round: integer(0, limits.ROUNDS_MAX),
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
  contributions: list(countedContribution, 1, limits.ROUND_LEASES_MAX),
})
export type Manifest = Infer<typeof manifestSchema>

export const manifestDigest = (manifest: Manifest): Digest => digestOf(encode(manifest))
