/** What a report shows: samples over time, one line a round, and the leases of a few volunteers. */
import type { CoordinatorEvent } from '../coordinator/event.ts'
import type { Outcome } from '../coordinator/outcome.ts'
import type { CoordinatorState } from '../coordinator/state.ts'
import type { LeaseId, PeerId } from '../protocol/messages.ts'
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
  observe(event: CoordinatorEvent, outcome: Outcome, state: CoordinatorState, now: number): void
}

const PEERS_SHOWN = 24
const BARS_MAX = 2_000

export function createHistory(): History {
  const samples: Sample[] = []
  const rounds: RoundFigures[] = []
  const bars: LeaseBar[] = []
  const shown = new Set<PeerId>()
  const open = new Map<LeaseId, LeaseBar>()
  let startedAt: number | null = null
  let pending = { contributions: 0, outerScale: 1 }
  let before = { batches: 0, tokens: 0 }

  function openBar(peer: PeerId, leaseId: LeaseId, now: number): void {
    if (shown.size < PEERS_SHOWN) shown.add(peer)
    if (!shown.has(peer) || bars.length >= BARS_MAX || open.has(leaseId)) return
    const bar: LeaseBar = { peer, from: now, committedAt: null, to: null, fate: null }
    bars.push(bar)
    open.set(leaseId, bar)
  }

  function closeBar(leaseId: LeaseId, fate: 'counted' | 'lost', now: number): void {
    const bar = open.get(leaseId)
    if (bar === undefined) return
    bar.to = now
    bar.fate = fate
    open.delete(leaseId)
  }

  return {
    samples,
    rounds,
    bars,
    observe: (event, { accepted, effects }, state, now) => {
      for (const effect of effects) {
        if (effect.type === 'reply' && effect.reply.type === 'leased') {
          startedAt ??= now
          openBar(effect.peer, effect.reply.leaseId, now)
        }
        if (effect.type === 'aggregate') {
          const { contributions, outerScale } = effect.job
          pending = { contributions: contributions.length, outerScale }
        }
        if (effect.type === 'notify' && effect.notice.type === 'revoked') {
          closeBar(effect.notice.leaseId, 'lost', now)
        }
      }
      if (!accepted) return
      // The loss of the adapter that a round starts from is that after the round before.
      if (event.type === 'evaluated' && event.loss > 0) {
        const made = rounds.find(({ round }) => round === event.round - 1)
        if (made !== undefined) made.loss = event.loss
      }
      if (event.type === 'payload-stored') closeBar(event.leaseId, 'counted', now)
      if (event.type === 'request' && event.request.type === 'commit') {
        const bar = open.get(event.request.contribution.leaseId)
        if (bar !== undefined) bar.committedAt = now
      }
      if (event.type !== 'aggregated' || state.round.start.round === event.round) return
      for (const leaseId of open.keys()) closeBar(leaseId, 'lost', now)
      const after = { batches: state.batchesCounted, tokens: state.tokensCounted }
      rounds.push({
        round: event.round,
        startedAt: startedAt ?? now,
        mergedAt: now,
        ...pending,
        batches: after.batches - before.batches,
        tokens: after.tokens - before.tokens,
        loss: null,
      })
      before = after
      startedAt = null
    },
  }
}
