/**
 * A volunteer's process on its machine: the shell around `participantStep`. It starts and ends with
 * its host's sessions, hears, trains for as long as its machine takes, and performs every effect as
 * the real shell does, in virtual time.
 */
import {
  createParticipant,
  isCurrent,
  type ParticipantEffect,
  type ParticipantEvent,
  type ParticipantState,
  nextDeadline as participantDeadline,
  step as participantStep,
} from '../coordinator/participant/index.ts'
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS } from '../protocol/index.ts'
import { endAudit, pauseAudit, resumeAudit } from './auditing.ts'
import type { Session } from './churn.ts'
import type { Culprit } from './culprit.ts'
import type { Host } from './hosts.ts'
import { endConnection } from './network.ts'
import { perform } from './perform.ts'
import { endTraining, pauseTraining, resumeTraining } from './training.ts'
import { abortTransfers } from './transfers.ts'
import { countFailure, type Volunteer, type World } from './world.ts'

/** `culprit` is null where it is honest. */
export function createVolunteer(host: Host, hasBase: boolean, culprit: Culprit | null): Volunteer {
  return {
    host,
    peer: culprit?.peer ?? `v${host.index}`,
    culprit,
    state: null,
    isAwake: true,
    session: null,
    slowness: 1,
    upFactor: 1,
    connection: null,
    cuts: 0,
    tickAt: Number.POSITIVE_INFINITY,
    training: null,
    auditing: null,
    transfers: new Set(),
    hasBase,
    adapterRound: null,
    activity: 'loading',
    activitySince: 0,
  }
}

const isOnline = ({ state, isAwake }: Volunteer): boolean => state !== null && isAwake

/** The host is there. */
export function beginSession(world: World, volunteer: Volunteer, session: Session): void {
  volunteer.session = session
  volunteer.slowness = session.slowness
  volunteer.upFactor = session.upFactor
  if (volunteer.state === null) startProcess(world, volunteer)
  else if (!volunteer.isAwake) wake(world, volunteer)
  world.queue.at(session.endsAt, () => endSession(world, volunteer, session))
}

function endSession(world: World, volunteer: Volunteer, session: Session): void {
  if (volunteer.session !== session) return
  volunteer.session = null
  if (!isOnline(volunteer)) return
  if (session.end === 'leave') feed(world, volunteer, { type: 'leave', at: 0, reason: 'enough' })
  else if (session.end === 'sleep') sleep(world, volunteer)
  else stopProcess(world, volunteer, session.end === 'crash' ? 'politely' : 'silently')
}

function startProcess(world: World, volunteer: Volunteer): void {
  const { host, peer } = volunteer
  const { config, runId, coordinator } = world
  volunteer.state = createParticipant({
    peer,
    name: peer,
    software: 'simulation',
    run: null,
    token: '',
    session: Math.floor(world.queue.now) % 2 ** 32,
    seed: host.index + 1,
    known: { bytes: coordinator.state.derived.runConfig, config, runId },
  })
  volunteer.isAwake = true
  volunteer.adapterRound = null
  volunteer.activity = 'loading'
  volunteer.activitySince = world.queue.now
  world.online.add(volunteer)
  feed(world, volunteer, { type: 'started', at: 0 })
}

/** The process ends: `silently` when even its machine says nothing. */
export function stopProcess(
  world: World,
  volunteer: Volunteer,
  how: 'silently' | 'politely',
): void {
  endTraining(world, volunteer, 'departed')
  endAudit(volunteer)
  closeActivity(world, volunteer)
  volunteer.state = null
  world.online.delete(volunteer)
  dropConnection(world, volunteer, how === 'politely')
}

function dropConnection(world: World, volunteer: Volunteer, politely: boolean): void {
  abortTransfers(volunteer)
  const { connection } = volunteer
  volunteer.connection = null
  if (connection !== null) endConnection(world, connection, politely)
}

/** The process is killed; it comes back while its host is there. */
export function kill(
  world: World,
  volunteer: Volunteer,
  { losesDisk, restartMs }: { losesDisk: boolean; restartMs: number },
): void {
  if (!isOnline(volunteer)) return
  countFailure(world, losesDisk ? 'volunteer killed, disk lost' : 'volunteer killed')
  stopProcess(world, volunteer, 'politely')
  if (losesDisk) volunteer.hasBase = false
  world.queue.after(restartMs, () => {
    if (volunteer.session !== null && volunteer.state === null) startProcess(world, volunteer)
  })
}

function sleep(world: World, volunteer: Volunteer): void {
  pauseTraining(world, volunteer)
  pauseAudit(world, volunteer)
  closeActivity(world, volunteer)
  volunteer.isAwake = false
  world.online.delete(volunteer)
  const { connection } = volunteer
  abortTransfers(volunteer)
  if (connection !== null) endConnection(world, connection, false)
}

/** The process goes on where it was; its connection is long gone. */
function wake(world: World, volunteer: Volunteer): void {
  volunteer.isAwake = true
  volunteer.activitySince = world.queue.now
  world.online.add(volunteer)
  resumeTraining(world, volunteer)
  resumeAudit(world, volunteer)
  feed(world, volunteer, { type: 'woke', at: 0 })
}

/** The volunteer learns that its connection is gone. */
export function loseConnection(world: World, volunteer: Volunteer, reason: string): void {
  dropConnection(world, volunteer, true)
  feed(world, volunteer, { type: 'disconnected', at: 0, reason })
}

function exitProcess(world: World, volunteer: Volunteer, outcome: string): void {
  stopProcess(world, volunteer, 'politely')
  if (outcome === 'refused' && volunteer.culprit?.attacker.whitewashes) world.replace(volunteer)
  // It left at the end of the last session, and the next one has begun.
  if (outcome === 'left' && volunteer.session !== null) startProcess(world, volunteer)
}

/** Feeds an event at the volunteer's own time; whatever the machine misses asleep, it misses. */
export function feed(world: World, volunteer: Volunteer, event: ParticipantEvent): void {
  const { state } = volunteer
  if (state === null || !volunteer.isAwake) return
  const at = localTime(world, volunteer)
  hearHeartbeat(world, volunteer, state, at)
  event.at = at
  performAll(world, volunteer, participantStep(state, event))
  if (volunteer.state !== state) return
  noteActivity(world, volunteer, state)
  setTick(world, volunteer, state)
}

const localTime = ({ queue }: World, { host }: Volunteer): number =>
  queue.now * host.clockRate + host.clockOffset

function hears({ coordinator }: World, { connection, cuts }: Volunteer): boolean {
  return connection?.isOpen === true && cuts === 0 && coordinator.isUp
}

/**
 * Heartbeats that came since the last event. All they do is to put off the silence deadline, so
 * only the last one is fed, and only when that deadline draws near: simulating each would cost more
 * than all the rest.
 */
function hearHeartbeat(
  world: World,
  volunteer: Volunteer,
  state: ParticipantState,
  at: number,
): void {
  if (at - state.heardAt < HEARTBEAT_TIMEOUT_MS - HEARTBEAT_MS || !hears(world, volunteer)) return
  const notice = { type: 'heartbeat' } as const
  performAll(world, volunteer, participantStep(state, { type: 'notice', at, notice }))
}

function performAll(world: World, volunteer: Volunteer, effects: ParticipantEffect[]): void {
  for (const effect of effects) {
    if (effect.type === 'exit') exitProcess(world, volunteer, effect.outcome)
    else perform(world, volunteer, effect)
  }
}

/** When something is due, in the world's time. While heartbeats come, silence is not. */
function nextTick(world: World, volunteer: Volunteer, state: ParticipantState): number {
  const { heardAt } = state
  if (hears(world, volunteer)) state.heardAt = Number.POSITIVE_INFINITY
  const deadline = participantDeadline(state) ?? Number.POSITIVE_INFINITY
  state.heardAt = heardAt
  const { clockRate, clockOffset } = volunteer.host
  // A little late rather than a rounding error early.
  return Math.max(world.queue.now, (deadline - clockOffset) / clockRate + 0.01)
}

function setTick(world: World, volunteer: Volunteer, state: ParticipantState): void {
  const time = nextTick(world, volunteer, state)
  if (time >= volunteer.tickAt) return
  volunteer.tickAt = time
  world.queue.at(time, () => {
    if (volunteer.tickAt !== time) return
    volunteer.tickAt = Number.POSITIVE_INFINITY
    // What was due then may have been put off since.
    if (volunteer.state !== state || !volunteer.isAwake) return
    if (nextTick(world, volunteer, state) > time) setTick(world, volunteer, state)
    else feed(world, volunteer, { type: 'tick', at: 0 })
  })
}

/** Silence has begun: from now on its deadline counts. */
export function startSilence(world: World, volunteer: Volunteer): void {
  const { state } = volunteer
  if (state === null || volunteer.connection === null) return
  state.heardAt = Math.max(state.heardAt, localTime(world, volunteer) - HEARTBEAT_MS / 2)
  if (volunteer.isAwake) setTick(world, volunteer, state)
}

function noteActivity(world: World, volunteer: Volunteer, state: ParticipantState): void {
  const isReady = state.link === 'joined' && state.isSetUp && isCurrent(state, state.prepared)
  const working = volunteer.training !== null ? 'training' : volunteer.auditing && 'auditing'
  const activity = working ?? (isReady ? 'waiting' : 'loading')
  if (activity === volunteer.activity) return
  closeActivity(world, volunteer)
  volunteer.activity = activity
}

/** Books the time since the last change; that of training is booked by what comes of it. */
export function closeActivity({ queue, accounts }: World, volunteer: Volunteer): void {
  const { activity, activitySince } = volunteer
  if (activity !== 'training') accounts.waste(activity, queue.now - activitySince)
  volunteer.activitySince = queue.now
}
