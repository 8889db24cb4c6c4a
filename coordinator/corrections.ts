/**
 * Taking back what is merged. The outer step is linear in the mean of a round, so what a
 * contribution moved can be subtracted later, exactly as it was weighted and clipped. A part d of
 * the mean of round s went into theta and into the momentum b; with eta_j the outer rate of round j
 * and mu the momentum's, the merge of round t finds of it
 *
 *   in theta  -d · (eta_s + mu · Σ_{s <= j < t} eta_j · mu^(j - s))     in b  d · mu^(t - 1 - s)
 *
 * and removes both before its own step. What others learned meanwhile from the adapter that had it
 * stays. AdamW, the outer step of gradients, is not linear: of those rounds nothing is subtracted,
 * so that what is taken back counts no more, and has moved the adapter all the same.
 */
import { type Correction, credited } from '../protocol/index.ts'
import { uncountBatches } from './assignment.ts'
import { recordOf } from './record.ts'
import type { CoordinatorState, MergedContribution, TakenBack } from './state.ts'

/** What the merge of the closed round subtracts first: oldest round first, leases in order. */
export function correctionsOf({ config, history, round }: CoordinatorState): Correction[] {
  const { learningRate, momentum } = config.outer
  return round.corrections.map(({ round: index, contributions }) => {
    const scales = history.slice(index).map(({ outerScale }) => outerScale)
    const worth =
      config.training.mode === 'gradient' ? NOTHING : worthOf(scales, learningRate, momentum)
    const leaseIds = contributions.map(leaseIdOf)
    return { round: index, manifest: history[index]!.manifest, leaseIds, ...worth }
  })
}

const NOTHING = { theta: 0, momentum: 0 }

const leaseIdOf = ({ leaseId }: MergedContribution): number => leaseId

/** What is left of a part of the mean after the rounds with these shares of the outer step. */
function worthOf(
  outerScales: readonly number[],
  eta: number,
  mu: number,
): Pick<Correction, 'theta' | 'momentum'> {
  let theta = eta * outerScales[0]!
  let momentum = 1
  for (const [later, scale] of outerScales.entries()) {
    if (later > 0) momentum *= mu
    theta += eta * scale * mu * momentum
  }
  return { theta, momentum }
}

/**
 * Takes back merged contributions: their batches are owed again, their makers lose the credit, and
 * the next merge subtracts them. Returns those that were.
 */
export function takeBackMerged(
  state: CoordinatorState,
  isTakenBack: (contribution: MergedContribution, round: number) => boolean,
): MergedContribution[] {
  return state.history.flatMap((merged, round) => {
    const lost = new Set(merged.contributions.filter((each) => isTakenBack(each, round)))
    if (lost.size === 0) return []
    merged.contributions = merged.contributions.filter((each) => !lost.has(each))
    state.takenBack.push({ round, contributions: [...lost] })
    for (const contribution of lost) uncount(state, contribution)
    return [...lost]
  })
}

/** The contribution is no longer part of the run. */
export function uncount(state: CoordinatorState, contribution: MergedContribution): void {
  const { peer, tokens, steps, firstBatch } = contribution
  const record = recordOf(state, peer)
  record.credit = credited(record.credit, contribution, -1)
  state.tokensCounted -= tokens
  state.batchesCounted -= steps
  uncountBatches(state.ledger, { start: firstBatch, end: firstBatch + steps })
}

/** All that was taken back, as one merge subtracts it: rounds in order, leases of one together. */
export function inOrder(takenBack: readonly TakenBack[]): TakenBack[] {
  const rounds = [...new Set(takenBack.map(({ round }) => round))].sort((a, b) => a - b)
  return rounds.map((round) => {
    const ofRound = takenBack.filter((each) => each.round === round)
    const contributions = ofRound.flatMap((each) => each.contributions)
    return { round, contributions: contributions.sort((a, b) => a.leaseId - b.leaseId) }
  })
}

/** The merge has subtracted them: only what was taken back since is left to do. */
export function settleCorrections(state: CoordinatorState): TakenBack[] {
  const { corrections } = state.round
  const done = new Set(corrections.flatMap((each) => each.contributions.map(leaseIdOf)))
  state.takenBack = state.takenBack.filter((each) => !done.has(leaseIdOf(each.contributions[0]!)))
  return corrections
}
