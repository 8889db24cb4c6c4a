/**
 * The second of a verifier's two passes: every round merged again from its payloads, each from what
 * the round before gave here, so that nothing is taken over from who published it. Steps that were
 * drawn are trained again as well, from the same base on the same data: each must give the links of
 * its trace, and in the end its payload.
 */
import {
  type BlobReference,
  type Digest,
  digestOf,
  encode,
  type Manifest,
  type PeerId,
  signingBytes,
} from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import type { JobLimits } from '../compute/job.ts'
import { verifySignature } from '../network/identity.ts'
import type { BlobReader, Evidence } from './evidence.ts'
import { mergeRound } from './merge-round.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import { readManifest } from './read-manifest.ts'
import type { MergeRecord, RunRecord } from './read-record.ts'
import { createReplayer, type ReplayPick } from './replay-steps.ts'

export interface RederiveWorld {
  evidence: Pick<Evidence, 'blobs' | 'holdsResults' | 'digestOf'>
  compute: Compute
  coordinator: PeerId
  limits: JobLimits
  /** What the first round starts from. */
  first: { digest: Digest; bytes: Uint8Array }
  /** What to train again. */
  picks: readonly ReplayPick[]
  hear(progress: RederiveProgress): void
}

/** What is done so far. */
export interface RederiveProgress {
  rounds: number
  replayedSteps: number
}

export interface Rederived extends RederiveProgress {
  /** Manifests of these rounds with a right signature. */
  manifests: number
  /** What the run has come to, as far as it fits. */
  adapter: Digest
  /** The first round or step that does not fit, after which nothing is looked at. */
  mismatch: Mismatch | null
}

/** What a round starts from, by digest, as it was made here. */
type Made = ReadonlyMap<Digest, Uint8Array>

export async function rederive(world: RederiveWorld, record: RunRecord): Promise<Rederived> {
  const { config, runId } = record.state
  const { first } = world
  const done: Rederived = {
    rounds: 0,
    replayedSteps: 0,
    manifests: 0,
    adapter: first.digest,
    mismatch: null,
  }
  const replayer = createReplayer(config, runId, world)
  /** Each by its adapter: a round may be done again, or its result not taken. */
  const known = new Map<Digest, Made>([[first.digest, new Map([[first.digest, first.bytes]])]])
  const lastUse = lastUses(record)
  for (const [index, merge] of record.merges.entries()) {
    const before = known.get(merge.job.base)
    if (before === undefined) return { ...done, mismatch: unknownBase(merge) }
    const found = await redo(world, record, merge, before)
    if ('mismatch' in found) return { ...done, mismatch: found.mismatch }
    for (const pick of picksOf(world, merge)) {
      const contribution = record.contributions.get(pick.leaseId)!
      const mismatch = await replayer.replay(pick, contribution, merge.start, before, (steps) =>
        world.hear({ rounds: done.rounds, replayedSteps: done.replayedSteps + steps }),
      )
      if (mismatch !== null) return { ...done, mismatch }
      done.replayedSteps += pick.steps
    }
    forget(known, lastUse, index)
    done.rounds += 1
    if (found.isSigned) done.manifests += 1
    // A round whose merge counted for nothing starts again, from where it was.
    if (merge.isTaken) {
      known.set(merge.claimed.adapter, found.made)
      done.adapter = merge.claimed.adapter
    }
    world.hear(done)
  }
  const { base } = record.state.round.start
  if (!known.has(base)) return { ...done, mismatch: neverMade(base) }
  return { ...done, adapter: base }
}

/** The last merge that starts from each adapter; that which the run has come to is kept. */
function lastUses({ merges, state }: RunRecord): ReadonlyMap<Digest, number> {
  const uses = new Map(merges.map(({ job }, index) => [job.base, index]))
  return uses.set(state.round.start.base, merges.length)
}

function forget(
  known: Map<Digest, Made>,
  lastUse: ReadonlyMap<Digest, number>,
  done: number,
): void {
  for (const adapter of known.keys()) {
    if ((lastUse.get(adapter) ?? 0) <= done) known.delete(adapter)
  }
}

const unknownBase = ({ job }: MergeRecord): Mismatch => ({
  record: `round ${job.round + 1}`,
  reason: `it starts from adapter ${job.base}, which no round before it made`,
})

const neverMade = (adapter: Digest): Mismatch => ({
  record: 'journal',
  reason: `the run has come to adapter ${adapter}, which no round of it made`,
})

/** Those of this merge; what counted was not rejected. */
function picksOf({ picks }: RederiveWorld, { job }: MergeRecord): ReplayPick[] {
  const merged = new Set(job.contributions.map(({ leaseId }) => leaseId))
  return picks.filter(({ leaseId }) => merged.has(leaseId))
}

type Redone = { mismatch: Mismatch } | { made: Made; isSigned: boolean }

async function redo(
  world: RederiveWorld,
  { state }: RunRecord,
  { job, claimed }: MergeRecord,
  before: Made,
): Promise<Redone> {
  const { config, runId } = state
  const { compute, evidence } = world
  const made = new Map<Digest, Uint8Array>()
  const keep = async (bytes: Uint8Array): Promise<BlobReference> => {
    const reference = { digest: await evidence.digestOf(bytes), bytes: bytes.length }
    made.set(reference.digest, bytes)
    return reference
  }
  const mismatch = (reason: string) => ({
    mismatch: { record: `round ${job.round + 1}`, reason },
  })
  try {
    const blobs = withMade(evidence.blobs, before)
    const merged = await mergeRound(
      { config, runId, blobs, compute, measured: new Map() },
      job,
      keep,
    )
    const difference = differenceOf(merged.aggregate, claimed)
    if (difference !== null) return mismatch(difference)
    // Where every contribution was rejected, there is nothing that was signed.
    const isSigned = merged.manifest.contributions.length > 0
    if (isSigned) {
      const fault = await manifestFault(world, merged.manifest, claimed.manifest)
      if (fault !== null) return mismatch(fault)
    }
    if (evidence.holdsResults) {
      for (const { digest, bytes } of [claimed.checkpoint, claimed.update]) {
        await evidence.blobs.read(digest, bytes)
      }
    }
    return { made, isSigned }
  } catch (error) {
    return mismatch(reasonOf(error))
  }
}

/** What was made here is not looked for elsewhere. */
export function withMade(blobs: BlobReader, made: Made): BlobReader {
  return {
    read: async (digest, bytes) => made.get(digest)?.slice() ?? blobs.read(digest, bytes),
  }
}

/** The losses are the coordinator's word: the text that they are measured on is nobody else's. */
function differenceOf(
  derived: Omit<MergeRecord['claimed'], 'manifest' | 'losses'>,
  claimed: MergeRecord['claimed'],
): string | null {
  const { manifest: _, losses: __, ...published } = claimed
  if (isSame(derived, published)) return null
  if (!isSame(derived.rejected, published.rejected)) {
    return 'other contributions are rejected than the journal says'
  }
  if (!isSame(derived.contrary, published.contrary)) {
    return 'other contributions point against the rest than the journal says'
  }
  return `merging again gives adapter ${derived.adapter}: published is ${claimed.adapter}`
}

async function manifestFault(
  { evidence, coordinator }: RederiveWorld,
  expected: Manifest,
  { digest }: BlobReference,
): Promise<string | null> {
  const { manifest, signature } = await readManifest(evidence.blobs, digest)
  if (!isSame(manifest, expected)) return 'the signed manifest says something else than the journal'
  const isSigned = await verifySignature(coordinator, signingBytes('manifest', manifest), signature)
  return isSigned ? null : `the manifest's signature is not that of coordinator ${coordinator}`
}

function isSame(a: unknown, b: unknown): boolean {
  return digestOf(encode(a)) === digestOf(encode(b))
}
