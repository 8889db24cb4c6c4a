/**
 * What the world owes the coordinator. A restarted process asks for it again, after replaying its
 * journal and before `started`: the effects of the events in the journal may or may not have been
 * performed.
 */
import { assert } from '../protocol/index.ts'
import { pendingOwnAudit } from './auditors.ts'
import { correctionsOf } from './corrections.ts'
import type { AggregationJob, CoordinatorEffect } from './effect.ts'
import { ownScoring } from './score-pieces.ts'
import type { CoordinatorState } from './state.ts'

export function pendingEffects(state: CoordinatorState): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = state.evaluationsPending.map((evaluation) => ({
    type: 'evaluate',
    ...evaluation,
  }))
  effects.push(...ownScoring(state))
  if (state.phase === 'finished' && !state.isCoinPublished) {
    effects.push({ type: 'publish-coin', published: state.coinsPublished })
  }
  effects.push(...pendingOwnAudit(state))
  if (state.phase === 'aggregating') {
    effects.push({ type: 'aggregate', job: pendingAggregation(state) })
  }
  return effects
}

/**
 * The merge of a closed round: a pure function of the state, the same however often it is asked
 * for.
 */
export function pendingAggregation(state: CoordinatorState): AggregationJob {
  const { round, parent, outerState, leases } = state
  const contributions = [...leases.values()]
    .map(({ leaseId, peer, firstBatch, steps, commitment }) => {
      assert(commitment !== null, `lease ${leaseId} is merged without a commitment`)
      const { tokens, payload } = commitment
      return { leaseId, peer, firstBatch, steps, tokens, payload }
    })
    .sort((a, b) => a.firstBatch - b.firstBatch)
  return {
    round: round.start.round,
    attempt: state.mergesAsked,
    base: round.start.base,
    parent,
    outerState,
    learningRate: round.start.learningRate,
    outerScale: round.outerScale,
    merge: round.merge,
    corrections: correctionsOf(state),
    contributions,
  }
}
