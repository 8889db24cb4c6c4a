/**
 * What follows from a merge: batches count, their makers get credit, the next round starts from its
 * result.
 */
import type { LeaseId } from '../protocol/messages.ts'
import { checkLedger, countBatches, giveBack } from './assignment.ts'
import type { CoordinatorEffect } from './effect.ts'
import type { Aggregate, CoordinatorEventOf } from './event.ts'
import { strike } from './fault-detector.ts'
import { changed, log, notify, type Outcome, reasonOf, roundName, unchanged } from './outcome.ts'
import { memberHere, recordOf } from './roster.ts'
import { reopen } from './round.ts'
import { learningRateAt } from './schedule.ts'
import {
  type CoordinatorState,
  type HeldLease,
  openRound,
  type PendingEvaluation,
} from './state.ts'

export function onAggregated(
  state: CoordinatorState,
  { round, aggregate }: CoordinatorEventOf<'aggregated'>,
): Outcome {
  if (state.phase !== 'aggregating' || round !== state.round.start.round) {
    return unchanged(log('debug', `nobody waits for the merge of ${roundName(round)}`))
  }
  const rejected = new Map(aggregate.rejected.map(({ leaseId, reason }) => [leaseId, reason]))
  const effects = settleLeases(state, rejected)
  checkLedger(state.ledger, [])
  if (state.round.uploaded === 0) {
    const text = `${roundName(round)} starts again: every contribution was rejected`
    return changed(...effects, log('warn', text), ...reopen(state))
  }
  return changed(...effects, ...startNextRound(state, aggregate))
}

/** Counts what was merged and takes back what was rejected; no lease is left. */
function settleLeases(
  state: CoordinatorState,
  rejected: ReadonlyMap<LeaseId, string>,
): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []
  for (const held of state.leases.values()) {
    const reason = rejected.get(held.leaseId)
    if (reason === undefined) countLease(state, held)
    else effects.push(...rejectLease(state, held, reasonOf(reason)))
  }
  state.leases.clear()
  return effects
}

function countLease(state: CoordinatorState, held: HeldLease): void {
  const { tokens } = held.commitment!
  const record = recordOf(state, held.peer)
  record.countedTokens += tokens
  record.contributions += 1
  state.tokensCounted += tokens
  state.batchesCounted += held.steps
  countBatches(state.ledger, { start: held.firstBatch, end: held.firstBatch + held.steps })
}

function rejectLease(
  state: CoordinatorState,
  { leaseId, peer, firstBatch, steps }: HeldLease,
  reason: string,
): CoordinatorEffect[] {
  state.round.uploaded -= steps
  giveBack(state.ledger, { start: firstBatch, end: firstBatch + steps })
  const told = memberHere(state, peer) !== null
  return [
    ...(told ? [notify(peer, { type: 'revoked', leaseId, reason })] : []),
    ...strike(state, peer, reason),
  ]
}

function startNextRound(state: CoordinatorState, aggregate: Aggregate): CoordinatorEffect[] {
  const { config, batchesCounted } = state
  const { adapter, checkpoint, update, moment } = aggregate
  const round = state.round.start.round + 1
  const learningRate = learningRateAt(config, batchesCounted, round)
  const start = { round, base: adapter, checkpoint, update, moment, learningRate }
  state.parent = aggregate.manifest
  state.outerState = aggregate.outerState
  state.round = openRound(config, batchesCounted, start)
  const evaluate = askForEvaluation(state, { round, adapter, checkpoint })
  const { batchesMax, roundsMax } = config.training
  if (batchesCounted < batchesMax && round < roundsMax) {
    state.phase = 'waiting'
    return [notify('all', { type: 'round', start }), evaluate]
  }
  state.phase = 'finished'
  const text = `finished: ${batchesCounted} batches in ${round} rounds`
  return [notify('all', { type: 'finished', round, adapter }), evaluate, log('info', text)]
}

export function askForEvaluation(
  state: CoordinatorState,
  evaluation: PendingEvaluation,
): CoordinatorEffect {
  state.evaluationsPending.push(evaluation)
  return { type: 'evaluate', ...evaluation }
}

export function onEvaluated(
  state: CoordinatorState,
  { round, loss }: CoordinatorEventOf<'evaluated'>,
): Outcome {
  const pending = state.evaluationsPending
  if (!pending.some((evaluation) => evaluation.round === round)) return unchanged()
  state.evaluationsPending = pending.filter((evaluation) => evaluation.round !== round)
  state.evaluations.push({ round, loss })
  state.evaluations.sort((a, b) => a.round - b.round)
  const of = round === 0 ? 'of the base' : `after ${roundName(round - 1)}`
  return changed(log('info', `held-out loss ${of}: ${loss.toFixed(4)}`))
}
