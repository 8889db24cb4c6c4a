/**
 * A run, checked by somebody who trusts none of it: the journal's hash chain, the signatures of
 * volunteers and coordinator, every blob against its digest, and each round merged anew from the
 * payloads, which must give the published adapter, bit for bit.
 */
import type { AggregationJob } from '../../coordinator/effect.ts'
import type { Aggregate, CoordinatorEvent } from '../../coordinator/event.ts'
import { pendingAggregation } from '../../coordinator/pending.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { encode } from '../../protocol/codec.ts'
import { type Digest, digestOf } from '../../protocol/digest.ts'
import { type Manifest, signingBytes } from '../../protocol/envelope.ts'
import { verifySignature } from '../network/identity.ts'
import { loadIdentity } from '../network/identity-file.ts'
import { computeAggregate, manifestOf, referencesOf } from '../roles/perform-coordinator.ts'
import { type BlobStore, createFileBlobStore } from '../storage/blob-store.ts'
import { readSqliteJournal, verifyJournal } from '../storage/sqlite-journal.ts'
import type { Compute } from '../training/compute.ts'
import { startCompute } from '../training/start-compute.ts'
import { readManifest } from './export-run.ts'
import { eventOf, freshState } from './replay.ts'
import { type RunFolder, readRunConfig } from './run-folder.ts'

export interface Verification {
  verified: boolean
  runId: Digest
  /** Entries of the journal, contributions with a right signature, rounds re-derived. */
  entries: number
  signatures: number
  rounds: number
  /** The adapter that the run published last, and that follows from its log. */
  adapter: Digest
  /** What does not hold, in the order it was found. */
  faults: string[]
}

interface Audit {
  state: CoordinatorState
  blobs: BlobStore
  compute: Compute
  coordinator: string
  result: Verification
}

export async function verifyRun(
  folder: RunFolder,
  onProgress: (text: string) => void,
): Promise<Verification> {
  const { config, runId } = await readRunConfig(folder)
  const state = freshState(config, runId, null)
  const { peerId } = await loadIdentity(folder.identity)
  const result: Verification = {
    ...{ verified: false, runId, entries: 0, signatures: 0, rounds: 0, faults: [] },
    adapter: state.round.start.base,
  }
  const chain = verifyJournal(folder.journal)
  if (!chain.ok) {
    result.faults.push(`journal: ${chain.reason}`)
    return result
  }
  const compute = startCompute()
  const journal = readSqliteJournal(folder.journal, runId)
  try {
    const blobs = await createFileBlobStore(folder.blobs)
    const audit = { state, blobs, compute, coordinator: peerId, result }
    for (const { body } of journal.read()) {
      result.entries += 1
      await auditEvent(audit, eventOf(body), onProgress)
    }
  } finally {
    journal.close()
    await compute.close()
  }
  result.adapter = state.round.start.base
  result.verified = result.faults.length === 0
  return result
}

async function auditEvent(
  audit: Audit,
  event: CoordinatorEvent,
  onProgress: (text: string) => void,
): Promise<void> {
  const { state, result } = audit
  if (event.type === 'request' && event.request.type === 'commit') {
    await auditSignature(audit, event)
  }
  if (event.type === 'aggregated') {
    onProgress(`round ${event.round + 1}: merging it again`)
    await auditRound(audit, pendingAggregation(state), event.aggregate)
    result.rounds += 1
  }
  const { accepted } = step(state, event)
  if (!accepted) result.faults.push(`journal: entry ${result.entries} would not be accepted`)
}

async function auditSignature(
  { state, result }: Audit,
  event: Extract<CoordinatorEvent, { type: 'request' }>,
): Promise<void> {
  if (event.request.type !== 'commit') return
  const { contribution, signature } = event.request
  const signed = signingBytes('contribution', contribution)
  const { peer, leaseId, runId } = contribution
  if (runId === state.runId && (await verifySignature(peer, signed, signature))) {
    result.signatures += 1
  } else {
    result.faults.push(`contribution ${leaseId}: the signature is not that of ${peer}`)
  }
}

async function auditRound(audit: Audit, job: AggregationJob, claimed: Aggregate): Promise<void> {
  const { state, blobs, compute, result } = audit
  const fault = (text: string) => result.faults.push(`round ${job.round + 1}: ${text}`)
  try {
    const output = await computeAggregate(
      { config: state.config, blobs, compute, measured: new Map() },
      job,
    )
    const derived = referencesOf(output)
    const { manifest: _, rejected, ...published } = claimed
    if (!sameBytes(encode(derived), encode(published))) {
      fault(`merging again gives adapter ${derived.adapter}: published is ${claimed.adapter}`)
    }
    if (!sameBytes(encode(output.rejected), encode(rejected))) {
      fault('other contributions are rejected than the journal says')
    }
    const expected = manifestOf(state.runId, job, derived, output.rejected)
    await auditManifest(audit, expected, claimed.manifest.digest, fault)
    for (const blob of [claimed.checkpoint, claimed.update]) await blobs.read(blob.digest)
  } catch (error) {
    fault((error as Error).message)
  }
}

async function auditManifest(
  { blobs, coordinator }: Audit,
  expected: Manifest,
  digest: Digest,
  fault: (text: string) => void,
): Promise<void> {
  const { manifest, signature } = await readManifest(blobs, digest)
  if (digestOf(encode(manifest)) !== digestOf(encode(expected))) {
    fault('the signed manifest says something else than the journal')
  }
  if (!(await verifySignature(coordinator, signingBytes('manifest', manifest), signature))) {
    fault(`the manifest's signature is not that of coordinator ${coordinator}`)
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
