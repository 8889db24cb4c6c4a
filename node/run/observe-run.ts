/**
 * What a run's journal says about its world: who was there and when, how fast machines and links
 * were, how long a merge took; and what came of it, to be held against a simulation of the same.
 */
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { LeaseId, PeerId } from '../../protocol/messages.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { readSqliteJournal } from '../storage/sqlite-journal.ts'
import { freshState, replay } from './replay.ts'
import { type RunFolder, readRunConfig } from './run-folder.ts'

export interface ObservedRun {
  config: RunConfig
  sessions: ObservedSession[]
  /** Medians, ms; null where the journal has none. */
  merge: number | null
  evaluation: number | null
  /** From joining to the first question for work. */
  setUp: number | null
  /** From a merge to a question for work in the next round. */
  prepare: number | null
  /** From a lease to its commit, less its steps. */
  lease: number | null
  figures: RunFigures
}

export interface ObservedSession {
  volunteer: string
  /** Since the run's first event. */
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
  /** From the first lease to the last merge. */
  ms: number
  /** Mean time of a round. */
  roundMs: number
  bytesUp: number
  /** Counted step-seconds by online seconds, up to the last merge. */
  goodput: number
}

interface Seen {
  startedAt: number | null
  stepMs: number[]
  upMbit: number[]
}

/** @throws ConfigError when the folder holds no run; StorageError when its journal is damaged. */
export async function observeRun(folder: RunFolder): Promise<ObservedRun> {
  const { config, runId } = await readRunConfig(folder)
  const journal = readSqliteJournal(folder.journal, runId)
  const observer = createObserver()
  try {
    replay(freshState(config, runId, null), journal, observer.observe)
  } finally {
    journal.close()
  }
  return { config, ...observer.result() }
}

function createObserver() {
  const peers = new Map<PeerId, Seen>()
  const sessions: ObservedSession[] = []
  const commits = new Map<LeaseId, { peer: PeerId; at: number; bytes: number; stepMs: number }>()
  const leasedAt = new Map<LeaseId, number>()
  const times = {
    merge: [],
    evaluation: [],
    setUp: [],
    prepare: [],
    lease: [],
    round: [],
  } as Record<'merge' | 'evaluation' | 'setUp' | 'prepare' | 'lease' | 'round', number[]>
  /** Who has not asked for work yet, and since when that could have been. */
  const idleSince = new Map<PeerId, { at: number; name: 'setUp' | 'prepare' }>()
  let first: number | null = null
  let last = 0
  let roundStart: number | null = null
  let runStart = 0
  let closedAt = 0
  let mergedAt = 0
  let countedMs = 0
  let figures = { rounds: 0, batches: 0, bytesUp: 0 }

  const seenOf = (peer: PeerId): Seen => {
    const seen = peers.get(peer) ?? { startedAt: null, stepMs: [], upMbit: [] }
    peers.set(peer, seen)
    return seen
  }

  function endSession(peer: PeerId, at: number, end: ObservedSession['end']): void {
    const seen = peers.get(peer)
    if (seen === undefined || seen.startedAt === null) return
    const { startedAt } = seen
    sessions.push({
      ...{ volunteer: peer, startMs: startedAt - first!, endMs: at - first!, end },
      ...{ stepMs: null, upMbit: null },
    })
    seen.startedAt = null
    idleSince.delete(peer)
  }

  function onRequest({ peer, request, at }: Extract<CoordinatorEvent, { type: 'request' }>): void {
    const seen = seenOf(peer)
    if (request.type === 'join') {
      seen.startedAt ??= at
      idleSince.set(peer, { at, name: 'setUp' })
    }
    if (request.type === 'leave') endSession(peer, at, 'leave')
    if (request.type === 'lease') {
      const idle = idleSince.get(peer)
      if (idle !== undefined) times[idle.name].push(at - idle.at)
      idleSince.delete(peer)
      runStart ||= at
      roundStart ??= at
    }
    if (request.type === 'commit') {
      const { leaseId, steps, stepMs, payload } = request.contribution
      const since = leasedAt.get(leaseId)
      leasedAt.delete(leaseId)
      if (since !== undefined) times.lease.push(Math.max(0, at - since - steps * stepMs))
      seen.stepMs.push(stepMs)
      commits.set(leaseId, { peer, at, stepMs, bytes: payload.bytes })
    }
  }

  function onMerge({ at }: Extract<CoordinatorEvent, { type: 'aggregated' }>): void {
    times.merge.push(at - closedAt)
    if (roundStart !== null) times.round.push(at - roundStart)
    roundStart = null
    mergedAt = at
    figures = { ...figures, rounds: figures.rounds + 1 }
    for (const [peer, { startedAt }] of peers) {
      if (startedAt !== null) idleSince.set(peer, { at, name: 'prepare' })
    }
  }

  function observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[]): void {
    const { at } = event
    first ??= at
    last = at
    for (const effect of effects) {
      if (effect.type === 'reply' && effect.reply.type === 'leased') {
        leasedAt.set(effect.reply.leaseId, at)
      }
      if (effect.type !== 'aggregate') continue
      closedAt = at
      const steps = effect.job.contributions.reduce((sum, one) => sum + one.steps, 0)
      figures = { ...figures, batches: figures.batches + steps }
      for (const { leaseId, steps } of effect.job.contributions) {
        countedMs += steps * (commits.get(leaseId)?.stepMs ?? 0)
      }
    }
    if (event.type === 'request') onRequest(event)
    if (event.type === 'disconnected') endSession(event.peer, at, 'crash')
    if (event.type === 'aggregated') onMerge(event)
    if (event.type === 'evaluated' && mergedAt > 0) times.evaluation.push(at - mergedAt)
    if (event.type === 'payload-stored') {
      const commit = commits.get(event.leaseId)
      if (commit === undefined) return
      figures = { ...figures, bytesUp: figures.bytesUp + commit.bytes }
      const ms = Math.max(1, at - commit.at)
      seenOf(commit.peer).upMbit.push((commit.bytes * 8) / 1000 / ms)
    }
  }

  return {
    observe,
    result: () => {
      for (const peer of peers.keys()) endSession(peer, last, 'leave')
      const { merge, evaluation, setUp, prepare, lease, round } = times
      const untilMerge = (ms: number) => Math.min(ms, mergedAt - first!)
      const onlineMs = sessions.reduce(
        (sum, { startMs, endMs }) => sum + untilMerge(endMs) - untilMerge(startMs),
        0,
      )
      return {
        sessions: sessions
          .filter(({ startMs, endMs }) => endMs > startMs)
          .map((session) => {
            const { stepMs, upMbit } = peers.get(session.volunteer)!
            return { ...session, stepMs: median(stepMs), upMbit: median(upMbit) }
          }),
        merge: median(merge),
        evaluation: median(evaluation),
        setUp: median(setUp),
        prepare: median(prepare),
        lease: median(lease),
        figures: {
          ...figures,
          goodput: onlineMs === 0 ? 0 : countedMs / onlineMs,
          ms: mergedAt - runStart,
          roundMs: round.reduce((sum, ms) => sum + ms, 0) / Math.max(1, round.length),
        },
      }
    },
  }
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? null
}
