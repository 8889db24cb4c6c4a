/**
 * The first of a verifier's two passes: the journal from its first entry to its last. Each entry is
 * chained to the one before, is an event that the state machine accepts there, and is signed by the
 * volunteer whose work it tells of. What has to be merged again is noted for the second pass
 * (rederive.ts).
 */
import {
  type Aggregate,
  type AggregationJob,
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  drawOf,
  pendingAggregation,
  step,
} from '../../coordinator/index.ts'
import {
  type Contribution,
  type Digest,
  decode,
  digestOf,
  type LeaseId,
  type PeerId,
  type RoundStart,
  signingBytes,
} from '../../protocol/index.ts'
import { verifySignature } from '../network/identity.ts'
import { createChainCheck, type JournalEntry, type JournalHead } from '../storage/journal.ts'
import { checkedEvent } from './event-schema.ts'
import { type Mismatch, reasonOf } from './mismatch.ts'
import { JOURNAL_ENTRY_BYTES_MAX } from './replay.ts'

/** A merge as the journal tells of it. */
export interface MergeRecord {
  /** Its place in the journal. */
  entry: number
  /** What the round started from. */
  start: RoundStart
  job: AggregationJob
  claimed: Aggregate
  /** The run went on from what it made, though it may have gone back behind it since. */
  isTaken: boolean
}

export interface Draw {
  draw: Digest | undefined
  /** Digest of the key that must give it. */
  coinKey: Digest | null
}

export interface RunRecord {
  /** The run after the last entry that fits. */
  state: CoordinatorState
  head: JournalHead
  merges: MergeRecord[]
  /** What volunteers said of the work that was counted, by lease. */
  contributions: Map<LeaseId, Contribution>
  /** What the coin said of each of these, by lease, as far as its key is not in the journal. */
  draws: Map<LeaseId, Draw>
  /** Digests of the keys that are in the journal. */
  coinKeys: Set<Digest>
  /** What those who joined called themselves, at last. */
  names: Map<PeerId, string>
  /** Contributions that are their makers' own. */
  signatures: number
  /** The first entry that does not fit, after which nothing is read; null: all do. */
  mismatch: Mismatch | null
}

export type HearEntry = (
  seq: number,
  event: CoordinatorEvent,
  effects: readonly CoordinatorEffect[],
) => void

/**
 * @param state the run before its first event
 * @param hear is told of each entry that fits, and of what was decided
 */
export async function readRecord(
  journal: AsyncIterable<JournalEntry> | Iterable<JournalEntry>,
  state: CoordinatorState,
  hear: HearEntry,
): Promise<RunRecord> {
  const chain = createChainCheck(state.runId)
  const record: RunRecord = {
    state,
    head: chain.head(),
    merges: [],
    contributions: new Map(),
    draws: new Map(),
    coinKeys: new Set(),
    names: new Map(),
    signatures: 0,
    mismatch: null,
  }
  try {
    for await (const entry of journal) {
      const reason = chain.check(entry) ?? (await followed(record, entry, hear))
      if (reason !== null) return { ...record, mismatch: mismatchAt(entry, chain.head(), reason) }
      record.head = chain.head()
    }
  } catch (error) {
    record.mismatch = { record: 'journal', reason: reasonOf(error) }
  }
  return record
}

/** What does not fit is called by its place, which its own number may not be. */
function mismatchAt({ seq }: JournalEntry, head: JournalHead, reason: string): Mismatch {
  return { record: `journal, entry ${seq === head.seq ? seq : head.seq + 1}`, reason }
}

/** What is wrong with an entry that is in its place; null: nothing, and the run has gone on. */
async function followed(
  record: RunRecord,
  { seq, body }: JournalEntry,
  hear: HearEntry,
): Promise<string | null> {
  try {
    const event = checkedEvent(decode(body, JOURNAL_ENTRY_BYTES_MAX))
    const fault = (await noteSigned(record, event)) ?? noteCoin(record, event)
    if (fault !== null) return fault
    const { state } = record
    const merge = mergeOf(state, seq, event)
    const rounds = state.history.length
    const { accepted, effects } = step(state, event)
    if (!accepted) return `a '${event.type}' is not accepted there`
    if (merge !== null) {
      record.merges.push({ ...merge, isTaken: state.history.length > rounds })
    }
    noteName(record, event)
    hear(seq, event, effects)
    return null
  } catch (error) {
    return reasonOf(error)
  }
}

/** What the coordinator says of a signature must be true, be it right or wrong. */
async function noteSigned(record: RunRecord, event: CoordinatorEvent): Promise<string | null> {
  if (event.type !== 'request') return null
  const { peer, request, genuine } = event
  if (request.type !== 'commit' && request.type !== 'audit') return null
  const isCommit = request.type === 'commit'
  const bytes = isCommit
    ? signingBytes('contribution', request.contribution)
    : signingBytes('audit', request.answer)
  const isOwn = await verifySignature(peer, bytes, request.signature)
  const what = isCommit ? `lease ${request.contribution.leaseId}` : 'an audit'
  if (isOwn !== genuine) {
    return isOwn
      ? `${what} was refused for its signature, which is that of ${peer}`
      : `the signature of ${what} is not that of ${peer}`
  }
  if (isCommit && isOwn) {
    const { contribution } = request
    record.signatures += 1
    // Who commits a lease twice contradicts itself: what counts is the first.
    if (record.contributions.has(contribution.leaseId)) return null
    record.contributions.set(contribution.leaseId, contribution)
    return noteDraw(record, contribution.leaseId, event.draw)
  }
  return null
}

/** A draw is by the key whose digest was in the journal last, which nobody may know yet. */
function noteDraw(
  { state: { coinKey }, draws, coinKeys }: RunRecord,
  leaseId: LeaseId,
  draw: Digest | undefined,
): string | null {
  if (coinKey !== null && coinKeys.has(coinKey)) {
    return `the draw of lease ${leaseId} could be foreseen, as its key had been published`
  }
  draws.set(leaseId, { draw, coinKey })
  return null
}

/**
 * Once a key of the coin is known, every draw by it must be what it gives. Those by a key that was
 * lost are left.
 */
function noteCoin({ draws, coinKeys }: RunRecord, event: CoordinatorEvent): string | null {
  if (event.type !== 'coin-published') return null
  const known = digestOf(event.key)
  for (const [leaseId, { draw, coinKey }] of draws) {
    if (coinKey !== known) continue
    if (draw !== drawOf(event.key, leaseId)) return `the draw of lease ${leaseId} is another's`
    draws.delete(leaseId)
  }
  coinKeys.add(known)
  return null
}

/** The merge that the event is the result of; null: it is of none that is awaited. */
function mergeOf(
  state: CoordinatorState,
  entry: number,
  event: CoordinatorEvent,
): Omit<MergeRecord, 'isTaken'> | null {
  if (event.type !== 'aggregated' || state.phase !== 'aggregating') return null
  const { start } = state.round
  if (event.round !== start.round) return null
  return { entry, start, job: pendingAggregation(state), claimed: event.aggregate }
}

function noteName({ names }: RunRecord, event: CoordinatorEvent): void {
  if (event.type !== 'request' || event.request.type !== 'join') return
  names.set(event.peer, event.request.name)
}
