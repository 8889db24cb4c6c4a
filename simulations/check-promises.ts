/**
 * What a volunteer is told is what is held, nobody is served who is banned or kept waiting for
 * ever, and a round closes when it should, with the outer step that its formula gives.
 */
import type {
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorState,
  Outcome,
} from '../coordinator/index.ts'
import type { LeaseId, PeerId } from '../protocol/index.ts'
import type { Check } from './check-whole.ts'

type Replied = Extract<CoordinatorEffect, { type: 'reply' }>

export interface Promises {
  phase: CoordinatorState['phase']
  /** Rounds in a row for which a member asked in time, was able, and got nothing. */
  readonly waits: Map<PeerId, { round: number; rounds: number }>
}

export const newPromises = (): Promises => ({ phase: 'waiting', waits: new Map() })

/** Whoever can do a tenth of the box's steps and asks in its first half gets work in so many. */
const WAITING_ROUNDS_MAX = 12

export function checkPromises(
  check: Check,
  promises: Promises,
  event: CoordinatorEvent,
  { accepted, effects }: Outcome,
  state: CoordinatorState,
): void {
  for (const effect of effects) {
    if (effect.type === 'reply') checkReply(check, promises, event, effect, state)
  }
  if (!accepted) return
  checkClosing(check, state)
  if (state.phase === 'aggregating' && promises.phase === 'training') checkScale(check, state)
  promises.phase = state.phase
}

function checkReply(
  check: Check,
  promises: Promises,
  event: CoordinatorEvent,
  { peer, reply }: Replied,
  state: CoordinatorState,
): void {
  if (reply.type === 'refused') return
  const banned = state.records.get(peer)?.banned ?? null
  check(banned === null, () => `${peer} is banned and served`)
  if (reply.type === 'leased') {
    checkTimes(check, event.at, reply, state)
    promises.waits.delete(peer)
  }
  if (reply.type === 'wait') noteWait(check, promises, event, peer, state)
  else if (event.type === 'request' && event.request.type === 'lease') promises.waits.delete(peer)
}

interface Times {
  leaseId: LeaseId
  stopMs: number
  deadlineMs: number
}

/** Milliseconds from now, rounded down, so that nobody is told more than it has. */
function checkTimes(
  check: Check,
  at: number,
  { leaseId, stopMs, deadlineMs }: Times,
  { leases }: CoordinatorState,
): void {
  const held = leases.get(leaseId)
  if (held === undefined || held.deadlineAt === null) return
  const leftMs = (time: number) => Math.max(0, Math.floor(time - at))
  const isStop = stopMs === leftMs(held.stopAt)
  check(isStop, () => `lease ${leaseId} was told another time to stop than is held`)
  const isDeadline = deadlineMs === leftMs(held.deadlineAt)
  check(isDeadline, () => `lease ${leaseId} was told another deadline than is held`)
}

/** Enough is here of a round whose box is over: it closes as soon as nothing is outstanding. */
function checkClosing(check: Check, { phase, round, config }: CoordinatorState): void {
  if (phase !== 'training' || round.closesAt === null) return
  const isEnough = round.uploaded >= neededOf(round.expected, config.round.quorumFraction)
  const waits = isEnough && round.outstanding === 0
  check(!waits, () => `round ${round.start.round} waits for nobody`)
}

const neededOf = (expected: number, quorumFraction: number): number =>
  Math.max(1, Math.ceil(quorumFraction * expected))

/** The whole outer step with a quorum; without, that of the share that came, by its root. */
function checkScale(check: Check, { round, config }: CoordinatorState): void {
  const { uploaded, expected, budget, outerScale } = round
  const isMet = uploaded === budget || uploaded >= neededOf(expected, config.round.quorumFraction)
  const scale = isMet ? 1 : Math.sqrt(uploaded / expected)
  check(outerScale === scale, () => `the outer step is ${outerScale} and should be ${scale}`)
}

/** A wait counts against the coordinator where the member could have been given something. */
function noteWait(
  check: Check,
  { waits }: Promises,
  event: CoordinatorEvent,
  peer: PeerId,
  state: CoordinatorState,
): void {
  if (event.type !== 'request' || event.request.type !== 'lease') return
  if (!couldBeGiven(event.at, event.request.stepMs ?? null, peer, state)) return
  const { round } = state.round.start
  const before = waits.get(peer)
  const rounds = before?.round === round ? before.rounds : (before?.rounds ?? 0) + 1
  waits.set(peer, { round, rounds })
  check(rounds <= WAITING_ROUNDS_MAX, () => `${peer} is willing, and gets nothing for ${rounds}`)
}

function couldBeGiven(
  at: number,
  stepMs: number | null,
  peer: PeerId,
  { phase, round, config, records }: CoordinatorState,
): boolean {
  const boxMs = 1000 * config.round.seconds
  const isFree = round.budget > round.outstanding + round.uploaded && round.closesAt === null
  const isEarly = round.boxEndsAt === null || round.boxEndsAt - at > boxMs / 2
  const isAble = (stepMs ?? 0) * config.round.stepsMin < boxMs / 10
  const isBlameless = (records.get(peer)?.strikes ?? 0) === 0
  return phase !== 'aggregating' && isFree && isEarly && isAble && isBlameless
}
