/**
 * What follows from a merge: batches count, their makers get credit, the next round starts from its
 * result.
 */

import {
  counted,
  credited,
  digestOf,
  type LeaseId,
  log,
  ratedWords,
  reasonOf,
  roundName,
} from '../protocol/index.ts'
import { checkLedger, countBatches } from './assignment.ts'
import { lapseOld, repeatContrary } from './audits.ts'
import { settleCorrections } from './corrections.ts'
import type { CoordinatorEffect } from './effect.ts'
import { endingOf } from './ending.ts'
import type { Aggregate, CoordinatorEventOf } from './event.ts'
import { strike } from './fault-detector.ts'
import { gateOf, refuseMerge } from './gate.ts'
import { isLedByProven } from './newcomers.ts'
import { changed, notify, type Outcome, unchanged } from './outcome.ts'
import { recordOf } from './record.ts'
import { reopen } from './round.ts'
import { learningRateAt } from './schedule.ts'
import { askForScores } from './scores.ts'
import {
  type CoordinatorState,
  type HeldLease,
  type MergedContribution,
  openRound,
  type PendingEvaluation,
} from './state.ts'
import { dropLease } from './take-back.ts'
import { tallyOf } from './tally.ts'

export function onAggregated(
  state: CoordinatorState,
  { at, round, attempt, aggregate }: CoordinatorEventOf<'aggregated'>,
): Outcome {
  const isWaitedFor = round === state.round.start.round && attempt === state.mergesAsked
  if (state.phase !== 'aggregating' || !isWaitedFor) {
    return unchanged(log('debug', `nobody waits for the merge of ${roundName(round)}`))
  }
  const rejected = new Map(aggregate.rejected.map(({ leaseId, reason }) => [leaseId, reason]))
  const refused = rejectLeases(state, rejected)
  const shut = gateOf(state, aggregate)
  if (shut !== null && state.round.uploaded > 0) {
    return changed(...refused, ...refuseMerge(state, shut, at))
  }
  const repeated = repeatContrary(state, aggregate.contrary, at)
  const contributions = countLeases(state)
  checkLedger(state.ledger, [])
  if (state.round.uploaded === 0) {
    const text = `${roundName(round)} starts again: every contribution was rejected`
    return changed(...refused, log('warn', text), ...reopen(state))
  }
  state.refusedMerges.inARow = 0
  remember(state, aggregate, contributions)
  return changed(...refused, ...repeated, ...startNextRound(state, aggregate, at))
}

/** What the merge was made of, in case it has to be taken back. */
function remember(
  state: CoordinatorState,
  { manifest, outerState }: Aggregate,
  contributions: MergedContribution[],
): void {
  const { start, outerScale } = state.round
  const corrections = settleCorrections(state)
  state.history.push({
    start,
    outerScale,
    audits: { ...state.auditCounts },
    manifest,
    outerState,
    contributions,
    corrections,
  })
}

/** Takes back what the numbers refused. */
function rejectLeases(
  state: CoordinatorState,
  rejected: ReadonlyMap<LeaseId, string>,
): CoordinatorEffect[] {
  return [...state.leases.values()].flatMap((held) => {
    const reason = rejected.get(held.leaseId)
    if (reason === undefined) return []
    const why = reasonOf(reason)
    return [...dropLease(state, held, why), ...strike(state, held.peer, why)]
  })
}

/** Counts what was merged; no lease is left. */
function countLeases(state: CoordinatorState): MergedContribution[] {
  const contributions = Array.from(state.leases.values(), (held) => countLease(state, held))
  state.leases.clear()
  state.derived.tally = tallyOf([])
  return contributions.sort((a, b) => a.firstBatch - b.firstBatch)
}

function countLease(state: CoordinatorState, held: HeldLease): MergedContribution {
  const { tokens } = held.commitment!
  const record = recordOf(state, held.peer)
  record.credit = credited(record.credit, { tokens, steps: held.steps })
  state.tokensCounted += tokens
  state.batchesCounted += held.steps
  countBatches(state.ledger, { start: held.firstBatch, end: held.firstBatch + held.steps })
  const { leaseId, peer, firstBatch, steps } = held
  return { leaseId, peer, firstBatch, steps, tokens }
}

function startNextRound(
  state: CoordinatorState,
  aggregate: Aggregate,
  at: number,
): CoordinatorEffect[] {
  const { config, batchesCounted } = state
  const { adapter, checkpoint, update, moment } = aggregate
  const round = state.round.start.round + 1
  const learningRate = learningRateAt(config, batchesCounted, round)
  const start = { round, base: adapter, checkpoint, update, moment, learningRate }
  state.parent = aggregate.manifest
  state.outerState = aggregate.outerState
  const isShared = isLedByProven(state)
  state.round = openRound(config, batchesCounted, { start, isShared })
  const reason = endingOf(state)
  const evaluation = { round, adapter, checkpoint }
  const measure = [
    askForEvaluation(state, evaluation),
    ...askForScores(state, evaluation, at, reason !== null),
  ]
  if (reason === null) {
    state.phase = 'waiting'
    return [notify('all', { type: 'round', start }), ...measure, ...lapseOld(state)]
  }
  state.phase = 'finished'
  state.isCoinPublished = false
  return [
    notify('all', { type: 'finished', round, adapter, reason }),
    ...measure,
    log('info', `finished after ${counted(round, 'round')}: ${reason}`),
    ...lapseOld(state),
    { type: 'publish-coin', published: state.coinsPublished },
  ]
}

export function onCoinPublished(
  state: CoordinatorState,
  { key, next }: CoordinatorEventOf<'coin-published'>,
): Outcome {
  const isIt = state.phase === 'finished' && digestOf(key) === state.coinKey
  if (!isIt || state.isCoinPublished) return unchanged()
  state.isCoinPublished = true
  state.coinsPublished += 1
  state.coinKey = next
  return changed()
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
  { round, adapter, loss, generalLoss, accuracy, margin }: CoordinatorEventOf<'evaluated'>,
): Outcome {
  const pending = state.evaluationsPending
  const asked = pending.find((evaluation) => evaluation.round === round)
  if (asked === undefined || asked.adapter !== (adapter ?? asked.adapter)) return unchanged()
  state.evaluationsPending = pending.filter((evaluation) => evaluation.round !== round)
  const rated = accuracy === undefined || margin === undefined ? null : { accuracy, margin }
  state.evaluations.push({
    round,
    loss,
    ...(generalLoss !== undefined && { generalLoss }),
    ...rated,
  })
  state.evaluations.sort((a, b) => a.round - b.round)
  const first = state.config.adapter.start === undefined ? 'of the base' : 'before round 1'
  const of = round === 0 ? first : `after ${roundName(round - 1)}`
  const general = generalLoss === undefined ? '' : `, on general text ${generalLoss.toFixed(4)}`
  const beside = rated === null ? '' : `, ${ratedWords(rated)}`
  return changed(log('info', `held-out loss ${of}: ${loss.toFixed(4)}${beside}${general}`))
}
