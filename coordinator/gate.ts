/**
 * The gate: a merge that raises the held-out loss by more than the run allows is not published. Its
 * contributions are repeated first, and what is found right is merged again without the rest: those
 * of members who were never found right, if there are any, and all others if that was not it. If
 * that raises the loss as well, or if nobody's work is audited, they count for nothing, the same
 * round starts again, and the next merge leaves extremes out.
 *
 * The loss is compared with that of the adapter that the round started from, which was published
 * last, or of what corrections leave of it, where that is higher. What rises over many rounds is
 * another matter: data learned by heart, where the best adapter is kept anyway; a gate against the
 * best one would end every run that comes there.
 */
import { log, reasonOf, roundName } from '../protocol/index.ts'
import { repeatInFull } from './audits.ts'
import type { CoordinatorEffect } from './effect.ts'
import type { Aggregate } from './event.ts'
import { wasFoundRight } from './record.ts'
import { reopen } from './round.ts'
import type { CoordinatorState, HeldLease } from './state.ts'
import { dropLease } from './take-back.ts'
import { putOnTrial } from './trial.ts'

/** So many refused merges in a row, and somebody has to look at the run. */
export const REFUSED_MAX = 3

/** Why a merge is not to be published; null: it may be. */
export function gateOf({ config }: CoordinatorState, { losses }: Aggregate): string | null {
  const { gate } = config.aggregation
  if (gate === null || losses === undefined) return null
  const { before, after } = losses
  if (after <= before * (1 + gate)) return null
  const percent = Number((100 * gate).toPrecision(3))
  return (
    `its merge would raise the held-out loss from ${before.toFixed(4)} to ${after.toFixed(4)}, ` +
    `by more than ${percent} %`
  )
}

/** Everything that came in the round is repeated or, where it was, owed again. */
export function refuseMerge(state: CoordinatorState, why: string, at: number): CoordinatorEffect[] {
  const { start } = state.round
  state.refusedMerges.total += 1
  state.round.wasRefused = true
  const unverified = [...state.leases.values()].filter(({ isVerified }) => !isVerified)
  const ofNew = unverified.filter(({ peer }) => !wasFoundRight(state, peer))
  const areNew = ofNew.length > 0 && ofNew.length < unverified.length
  const doubtful = areNew ? ofNew : unverified
  if (doubtful.length > 0 && state.config.audit.trust !== 'everyone') {
    return auditFirst(state, doubtful, areNew ? `${why}; at first that of newcomers` : why, at)
  }
  const reason = reasonOf(`${roundName(start.round)} starts again: ${why}`)
  const dropped = [...state.leases.values()].flatMap((held) => dropLease(state, held, reason))
  state.refusedMerges.inARow += 1
  const effects = [...dropped, log('warn', reason), ...reopen(state)]
  if (state.refusedMerges.inARow < REFUSED_MAX) return effects
  const text =
    `${REFUSED_MAX} merges in a row were not published; the last one: ${why} (swarm.gate). ` +
    'Either volunteers send what harms the adapter, and `barnraise kick` takes back what one ' +
    'did, or the learning rate is too high for this base and data'
  return [...effects, { type: 'stop', reason: text }]
}

/** The round is open again until its work is repeated, for as long as one takes. */
function auditFirst(
  state: CoordinatorState,
  doubtful: readonly HeldLease[],
  why: string,
  at: number,
): CoordinatorEffect[] {
  const { round, config } = state
  const { seconds, graceSeconds } = config.round
  state.phase = 'training'
  round.closesAt = at + (seconds + graceSeconds) * 1000
  for (const held of doubtful) putOnTrial(state, held)
  const text = `the work of ${roundName(round.start.round)} is repeated: ${why}`
  return [log('warn', reasonOf(text)), ...repeatInFull(state, doubtful, 'gate', at)]
}
