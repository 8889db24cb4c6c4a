/**
 * What a run's journal says about its world: who was there and when, how fast machines and links
 * were, how long a merge took; and what came of it, to be held against a simulation of the same.
 */
import type { PeerId, RunConfig } from '../../protocol/index.ts'
import { freshState, replay } from '../run/replay.ts'
import { type RunFolder, readRunConfig } from '../run/run-folder.ts'
import { readSqliteJournal } from '../storage/sqlite-journal.ts'
import { createChronicle, type Fact, factsOf, type OpenLease } from './facts.ts'

export interface ObservedRun {
  config: RunConfig
  sessions: ObservedSession[]
  /** Medians, ms; null where the journal has none. */
  merge: number | null
  evaluation: number | null
  /** Time from joining to the first lease. */
  setUp: number | null
  /** Time from a merge to a lease in the next round. */
  prepare: number | null
  /** Time from a lease to its commit, less its steps. */
  lease: number | null
  figures: RunFigures
}

export interface ObservedSession {
  volunteer: string
  /** Time since the run's first event. */
  startMs: number
  endMs: number
  end: 'leave' | 'crash'
  stepMs: number | null
  upMbit: number | null
}

/** What can be compared. */
export interface RunFigures {
  rounds: number
  batches: number
  /** Time from the first lease to the last merge. */
  ms: number
  /** Mean time of a round. */
  roundMs: number
  bytesUp: number
  /** Counted step-seconds by online seconds, up to the last merge. */
  goodput: number
}

/** @throws ConfigError when the folder holds no run; StorageError when its journal is damaged. */
export async function observeRun(folder: RunFolder): Promise<ObservedRun> {
  const { config, runId } = await readRunConfig(folder)
  const journal = readSqliteJournal(folder.journal, runId)
  const state = freshState(config, runId)
  const chronicle = createChronicle(state)
  const observed = nothingObserved()
  try {
    replay(state, journal, (event, effects, seq) => {
      beginEvent(observed, event.at)
      for (const fact of factsOf(chronicle, { seq, event, effects })) observe(observed, fact)
    })
  } finally {
    journal.close()
  }
  return { config, ...resultOf(observed) }
}

const SPANS = ['merge', 'evaluation', 'setUp', 'prepare', 'lease', 'round'] as const

interface Observed {
  /** Time of the first event and of the one that is looked at. */
  first: number | null
  now: number
  peers: Map<PeerId, SeenPeer>
  sessions: ObservedSession[]
  /** How long each kind of thing took, every time, in ms. */
  spans: Record<(typeof SPANS)[number], number[]>
  /** Who has no work yet, and since when that could have been. */
  idleSince: Map<PeerId, { at: number; span: 'setUp' | 'prepare' }>
  /** The first lease of the run, and of the round that has not been merged. */
  runStart: number | null
  roundStart: number | null
  closedAt: number
  mergedAt: number | null
  /** Step-milliseconds of the work that was counted. */
  countedMs: number
  rounds: number
  batches: number
  bytesUp: number
}

interface SeenPeer {
  /** Start of the session that it is in; null: it is in none. */
  startedAt: number | null
  stepMs: number[]
  upMbit: number[]
}

function nothingObserved(): Observed {
  return {
    first: null,
    now: 0,
    peers: new Map(),
    sessions: [],
    spans: { merge: [], evaluation: [], setUp: [], prepare: [], lease: [], round: [] },
    idleSince: new Map(),
    runStart: null,
    roundStart: null,
    closedAt: 0,
    mergedAt: null,
    countedMs: 0,
    rounds: 0,
    batches: 0,
    bytesUp: 0,
  }
}

function beginEvent(observed: Observed, at: number): void {
  observed.first ??= at
  observed.now = at
}

function observe(observed: Observed, fact: Fact): void {
  const { now, spans } = observed
  switch (fact.type) {
    case 'joined':
      seenPeer(observed, fact.peer).startedAt ??= now
      observed.idleSince.set(fact.peer, { at: now, span: 'setUp' })
      return
    case 'away':
      // Nobody went because the coordinator started again: those who are there come back.
      if (fact.cause === 'broken') endSession(observed, fact.peer, 'crash')
      return
    case 'gone':
      return endSession(observed, fact.peer, fact.cause === 'left' ? 'leave' : 'crash')
    case 'leased':
      return onLeased(observed, fact.lease)
    case 'committed':
      return onCommitted(observed, fact.lease)
    case 'stored':
      return onStored(observed, fact.lease)
    case 'closed':
      observed.closedAt = now
      return
    case 'counted':
      observed.batches += fact.lease.steps
      observed.countedMs += fact.lease.steps * fact.lease.work!.stepMs
      return
    case 'merged':
      return onMerged(observed)
    case 'evaluated':
      if (observed.mergedAt !== null) spans.evaluation.push(now - observed.mergedAt)
      return
    default:
  }
}

function seenPeer({ peers }: Observed, peer: PeerId): SeenPeer {
  const seen = peers.get(peer) ?? { startedAt: null, stepMs: [], upMbit: [] }
  peers.set(peer, seen)
  return seen
}

function endSession(observed: Observed, peer: PeerId, end: ObservedSession['end']): void {
  const { first, now, sessions, idleSince } = observed
  const seen = seenPeer(observed, peer)
  if (seen.startedAt === null) return
  sessions.push({
    volunteer: peer,
    startMs: seen.startedAt - first!,
    endMs: now - first!,
    end,
    stepMs: null,
    upMbit: null,
  })
  seen.startedAt = null
  idleSince.delete(peer)
}

function onLeased(observed: Observed, { peer }: OpenLease): void {
  const { now, idleSince, spans } = observed
  const idle = idleSince.get(peer)
  if (idle !== undefined) spans[idle.span].push(now - idle.at)
  idleSince.delete(peer)
  observed.runStart ??= now
  observed.roundStart ??= now
}

function onCommitted(observed: Observed, { peer, leasedAt, steps, work }: OpenLease): void {
  const { at, stepMs } = work!
  observed.spans.lease.push(Math.max(0, at - leasedAt - steps * stepMs))
  seenPeer(observed, peer).stepMs.push(stepMs)
}

function onStored(observed: Observed, { peer, work }: OpenLease): void {
  const { at, bytes } = work!
  observed.bytesUp += bytes
  const ms = Math.max(1, observed.now - at)
  seenPeer(observed, peer).upMbit.push((bytes * 8) / 1000 / ms)
}

function onMerged(observed: Observed): void {
  const { now, spans, peers, idleSince } = observed
  spans.merge.push(now - observed.closedAt)
  if (observed.roundStart !== null) spans.round.push(now - observed.roundStart)
  observed.roundStart = null
  observed.mergedAt = now
  observed.rounds += 1
  for (const [peer, { startedAt }] of peers) {
    if (startedAt !== null) idleSince.set(peer, { at: now, span: 'prepare' })
  }
}

function resultOf(observed: Observed): Omit<ObservedRun, 'config'> {
  for (const peer of observed.peers.keys()) endSession(observed, peer, 'leave')
  const { spans, sessions, peers } = observed
  return {
    sessions: sessions
      .filter(({ startMs, endMs }) => endMs > startMs)
      .map((session) => {
        const { stepMs, upMbit } = peers.get(session.volunteer)!
        return { ...session, stepMs: median(stepMs), upMbit: median(upMbit) }
      }),
    merge: median(spans.merge),
    evaluation: median(spans.evaluation),
    setUp: median(spans.setUp),
    prepare: median(spans.prepare),
    lease: median(spans.lease),
    figures: figuresOf(observed),
  }
}

function figuresOf(observed: Observed): RunFigures {
  const { first, runStart, sessions, spans, countedMs, rounds, batches, bytesUp } = observed
  const mergedAt = observed.mergedAt ?? first ?? 0
  const untilMerge = (ms: number) => Math.min(ms, mergedAt - (first ?? 0))
  let onlineMs = 0
  for (const { startMs, endMs } of sessions) onlineMs += untilMerge(endMs) - untilMerge(startMs)
  return {
    rounds,
    batches,
    bytesUp,
    goodput: onlineMs === 0 ? 0 : countedMs / onlineMs,
    ms: Math.max(0, mergedAt - (runStart ?? mergedAt)),
    roundMs: spans.round.reduce((sum, ms) => sum + ms, 0) / Math.max(1, spans.round.length),
  }
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? null
}
