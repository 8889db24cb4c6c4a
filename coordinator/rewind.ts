/**
 * Going back: the run goes on from the adapter of an earlier round, as if nothing after it had
 * happened but that its journal tells of it. What was counted since is owed again.
 */
import { counted, log, roundName } from '../protocol/index.ts'
import { lapseAll } from './audits.ts'
import { uncount } from './corrections.ts'
import type { CoordinatorEffect } from './effect.ts'
import type { CoordinatorEventOf } from './event.ts'
import { changed, type Outcome, unchanged } from './outcome.ts'
import { reopen } from './round.ts'
import { learningRateAt } from './schedule.ts'
import { dropScores } from './scores.ts'
import type { CoordinatorState, MergedRound } from './state.ts'
import { dropLease } from './take-back.ts'

/** `round` rounds are left: the run goes on with the one that started from their adapter. */
export function onRewound(
  state: CoordinatorState,
  { at, round }: CoordinatorEventOf<'rewound'>,
): Outcome {
  const merged = state.history.length
  if (round >= merged) {
    const most = counted(merged, 'round')
    const text = `the run cannot go back to round ${round}: it has merged ${most}`
    return unchanged(log('warn', text))
  }
  const first = state.config.adapter.start === undefined ? 'the base' : 'what it began with'
  const where = round === 0 ? first : `the adapter after ${roundName(round - 1)}`
  const reason = `the run goes back to ${where}`
  const effects = [...state.leases.values()].flatMap((held) => dropLease(state, held, reason))
  const dropped = state.history.splice(round)
  for (const { contributions } of dropped) {
    for (const contribution of contributions) uncount(state, contribution)
  }
  undoCorrections(state, dropped)
  effects.push(...standAt(state, dropped[0]!, at))
  const text = `${reason}: ${dropped.length} of ${merged} rounds are done again`
  return changed(log('warn', text), ...effects, ...lapseFrom(state, round), ...reopen(state))
}

/** What those rounds had subtracted of earlier ones is to be subtracted again. */
function undoCorrections(state: CoordinatorState, dropped: readonly MergedRound[]): void {
  const undone = dropped.flatMap(({ corrections }) => corrections)
  const rounds = state.history.length
  state.takenBack = [...undone, ...state.takenBack].filter((each) => each.round < rounds)
}

function standAt(state: CoordinatorState, { start }: MergedRound, at: number): CoordinatorEffect[] {
  const { config, history, batchesCounted } = state
  const before = history.at(-1)
  state.parent = before?.manifest ?? null
  state.outerState = before?.outerState ?? null
  state.refusedMerges.inARow = 0
  state.failures.clear()
  const learningRate = learningRateAt(config, batchesCounted, start.round)
  state.round.start = { ...start, learningRate }
  const isLeft = (evaluation: { round: number }) => evaluation.round <= start.round
  state.evaluations = state.evaluations.filter(isLeft)
  state.evaluationsPending = state.evaluationsPending.filter(isLeft)
  return dropScores(state, isLeft, at)
}

/** Nobody needs to know any more whether that work was right. */
function lapseFrom(state: CoordinatorState, round: number): CoordinatorEffect[] {
  return lapseAll(
    state,
    [...state.audits.values()].filter(({ start }) => start.round >= round),
    'the run goes back',
  )
}
