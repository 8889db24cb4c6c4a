/** What a report shows: samples over time, one line a round, and the leases of a few volunteers. */
import type {
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorEventOf,
  CoordinatorState,
  Outcome,
} from '../coordinator/index.ts'
import type { LeaseId, PeerId } from '../protocol/index.ts'
import type { Totals } from './accounts.ts'

export interface Sample {
  at: number
  online: number
  members: number
  round: number
  batches: number
  bytesUp: number
  bytesDown: number
  totals: Totals
}

export interface RoundFigures {
  round: number
  startedAt: number
  mergedAt: number
  contributions: number
  batches: number
  tokens: number
  outerScale: number
  /** Held-out loss after it, where numbers are real. */
  loss: number | null
}

export interface LeaseBar {
  peer: PeerId
  from: number
  committedAt: number | null
  to: number | null
  fate: 'counted' | 'lost' | null
}

export interface History {
  readonly samples: Sample[]
  readonly rounds: RoundFigures[]
  readonly bars: LeaseBar[]
  /** Whose leases are shown, and the bars of those that have not ended. */
  readonly shown: Set<PeerId>
  readonly open: Map<LeaseId, LeaseBar>
  /** When the first lease of the round was given; null: none was. */
  startedAt: number | null
  /** What the merge in progress is of. */
  pending: { contributions: number; outerScale: number }
  /** What the rounds before this one came to. */
  before: { batches: number; tokens: number }
}

const PEERS_SHOWN = 24
const BARS_MAX = 2_000

export function newHistory(): History {
  return {
    samples: [],
    rounds: [],
    bars: [],
    shown: new Set(),
    open: new Map(),
    startedAt: null,
    pending: { contributions: 0, outerScale: 1 },
    before: { batches: 0, tokens: 0 },
  }
}

export function noteEvent(
  history: History,
  event: CoordinatorEvent,
  { accepted, effects }: Outcome,
  state: CoordinatorState,
  now: number,
): void {
  for (const effect of effects) noteEffect(history, effect, now)
  if (!accepted) return
  if (event.type === 'evaluated') noteLoss(history, event)
  if (event.type === 'payload-stored') closeBar(history, event.leaseId, 'counted', now)
  if (event.type === 'request') noteCommit(history, event, now)
  if (event.type === 'aggregated') noteRound(history, event.round, state, now)
  if (takesBack(event)) noteGone(history, state, now)
}

/** A lease that its holder does not end is taken back by one of these. */
const takesBack = (event: CoordinatorEvent): boolean =>
  event.type === 'tick' ||
  event.type === 'disconnected' ||
  (event.type === 'request' && event.request.type === 'leave')

function noteEffect(history: History, effect: CoordinatorEffect, now: number): void {
  if (effect.type === 'reply' && effect.reply.type === 'leased') {
    history.startedAt ??= now
    openBar(history, effect.peer, effect.reply.leaseId, now)
  }
  if (effect.type === 'aggregate') {
    const { contributions, outerScale } = effect.job
    history.pending = { contributions: contributions.length, outerScale }
  }
  if (effect.type === 'notify' && effect.notice.type === 'revoked') {
    closeBar(history, effect.notice.leaseId, 'lost', now)
  }
}

function openBar(
  { shown, bars, open }: History,
  peer: PeerId,
  leaseId: LeaseId,
  now: number,
): void {
  if (shown.size < PEERS_SHOWN) shown.add(peer)
  if (!shown.has(peer) || bars.length >= BARS_MAX || open.has(leaseId)) return
  const bar: LeaseBar = { peer, from: now, committedAt: null, to: null, fate: null }
  bars.push(bar)
  open.set(leaseId, bar)
}

function closeBar(
  { open }: History,
  leaseId: LeaseId,
  fate: 'counted' | 'lost',
  now: number,
): void {
  const bar = open.get(leaseId)
  if (bar === undefined) return
  bar.to = now
  bar.fate = fate
  open.delete(leaseId)
}

/** The loss of the adapter that a round starts from is that after the round before. */
function noteLoss(
  { rounds }: History,
  { round: start, loss }: CoordinatorEventOf<'evaluated'>,
): void {
  const made = rounds.find(({ round }) => round === start - 1)
  if (made !== undefined && loss > 0) made.loss = loss
}

/** Whoever goes, or takes too long, has its lease taken back without a word to it. */
function noteGone(history: History, { leases }: CoordinatorState, now: number): void {
  for (const leaseId of history.open.keys()) {
    if (!leases.has(leaseId)) closeBar(history, leaseId, 'lost', now)
  }
}

function noteCommit(
  { open }: History,
  { request }: CoordinatorEventOf<'request'>,
  now: number,
): void {
  const bar = request.type === 'commit' ? open.get(request.contribution.leaseId) : undefined
  if (bar !== undefined) bar.committedAt = now
}

function noteRound(history: History, round: number, state: CoordinatorState, now: number): void {
  if (state.round.start.round === round) return
  for (const leaseId of history.open.keys()) closeBar(history, leaseId, 'lost', now)
  const { before } = history
  const after = { batches: state.batchesCounted, tokens: state.tokensCounted }
  history.rounds.push({
    round,
    startedAt: history.startedAt ?? now,
    mergedAt: now,
    ...history.pending,
    batches: after.batches - before.batches,
    tokens: after.tokens - before.tokens,
    loss: null,
  })
  history.before = after
  history.startedAt = null
}
