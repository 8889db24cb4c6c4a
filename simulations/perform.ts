/** Does what a participant's effects say, one case an effect, as `node/roles/perform-participant`. */
import type { ParticipantEffect } from '../coordinator/effect.ts'
import { assertNever } from '../protocol/errors.ts'
import { REQUEST_TIMEOUT_MS } from '../protocol/limits.ts'
import type { LeaseId, Reply, Request, RoundStart } from '../protocol/messages.ts'
import type { BlobReference } from '../protocol/run-config.ts'
import { chance } from './laws.ts'
import { endConnection, isCut, latencyMs, send } from './network.ts'
import { endTraining, startTraining, stopTraining } from './training.ts'
import { abortTransfers, transfer } from './transfers.ts'
import { type Connection, countFailure, type Volunteer, type World } from './world.ts'

/** TCP's, Noise's and Yamux's handshakes. */
const HANDSHAKE_TRIPS = 3
const DIAL_TIMEOUT_MS = 10_000

type Performed = Exclude<ParticipantEffect, { type: 'exit' }>

export function perform(world: World, volunteer: Volunteer, effect: Performed): void {
  switch (effect.type) {
    case 'connect':
      return connect(world, volunteer)
    case 'request':
      return request(world, volunteer, effect.request, replyTo(world, volunteer, effect.requestId))
    case 'set-up':
      return setUp(world, volunteer)
    case 'prepare':
      return prepare(world, volunteer, effect.start)
    case 'train':
      return startTraining(world, volunteer, effect.lease)
    case 'stop-training':
      return stopTraining(world, volunteer)
    case 'abandon-training':
      return endTraining(world, volunteer, 'late')
    case 'upload':
      return upload(world, volunteer, effect.leaseId, effect.payload)
    case 'disconnect':
      return hangUp(world, volunteer)
    case 'log':
      return
    default:
      return assertNever(effect)
  }
}

function connect(world: World, volunteer: Volunteer): void {
  const { queue, coordinator } = world
  const { state } = volunteer
  const trips = 2 * HANDSHAKE_TRIPS
  const ms = isCut(volunteer) ? DIAL_TIMEOUT_MS : trips * latencyMs(world, volunteer)
  queue.after(ms, () => {
    if (volunteer.state !== state || !volunteer.isAwake) return
    if (isCut(volunteer) || !coordinator.isUp) {
      world.feed(volunteer, { type: 'disconnected', at: 0, reason: 'cannot dial' })
      return
    }
    volunteer.connection = { volunteer, isOpen: true }
    coordinator.open(volunteer.connection)
    world.feed(volunteer, { type: 'connected', at: 0 })
  })
}

function hangUp(world: World, volunteer: Volunteer): void {
  const { connection } = volunteer
  volunteer.connection = null
  if (connection !== null) endConnection(world, connection, true)
  abortTransfers(volunteer)
}

type Answered = (reply: Reply | null) => void

/** Null: no answer in time. What comes over a link that is gone is not heard. */
function replyTo(world: World, volunteer: Volunteer, requestId: number): Answered {
  return (reply) =>
    world.feed(
      volunteer,
      reply === null
        ? { type: 'request-failed', at: 0, requestId, reason: 'no answer in time' }
        : { type: 'reply', at: 0, requestId, reply },
    )
}

function request(world: World, volunteer: Volunteer, asked: Request, answered: Answered): void {
  const { queue, random, faults } = world
  const { connection } = volunteer
  if (connection === null) return queue.after(1, () => answered(null))
  const sentAt = queue.now
  const isHere = () => volunteer.connection === connection && connection.isOpen
  const lose = () =>
    queue.at(sentAt + REQUEST_TIMEOUT_MS, () => {
      if (isHere()) answered(null)
    })
  const answer = (reply: Reply): void => {
    if (isLost(world)) return lose()
    send(world, connection, () => isHere() && answered(reply), lose)
  }
  if (isLost(world)) return lose()
  send(world, connection, () => world.coordinator.ask(connection, asked, answer), lose)
  if (faults.duplicate === 0 || !chance(random, faults.duplicate)) return
  countFailure(world, 'duplicate')
  send(
    world,
    connection,
    () => world.coordinator.ask(connection, asked, answer),
    () => {},
  )
}

function isLost(world: World): boolean {
  const { requestLoss } = world.faults
  if (requestLoss === 0 || !chance(world.random, requestLoss)) return false
  countFailure(world, 'request lost')
  return true
}

function setUp(world: World, volunteer: Volunteer): void {
  const { options, queue } = world
  const isSame = sameProcess(volunteer)
  const done = (): void => {
    volunteer.hasBase = true
    queue.after(options.setUpMs, () => isSame() && world.feed(volunteer, { type: 'set-up', at: 0 }))
  }
  if (volunteer.hasBase) return done()
  load(world, volunteer, 'set-up', options.baseBytes, done)
}

/** By the update where it fits, by the checkpoint otherwise; the update is tried first. */
function prepare(world: World, volunteer: Volunteer, start: RoundStart): void {
  const { round, base, checkpoint, update, moment } = start
  const isSame = sameProcess(volunteer)
  const done = (): void => {
    volunteer.adapterRound = round
    world.queue.after(world.options.prepareMs, () => {
      if (isSame()) world.feed(volunteer, { type: 'prepared', at: 0, round, base })
    })
  }
  const { adapterRound: held } = volunteer
  const isHere = held === round || checkpoint === null
  const missed = held === null ? [checkpoint] : [update, checkpoint]
  const wanted = isHere ? [] : held === round - 1 ? [update] : missed
  const bytes = [...wanted, moment].reduce((sum, blob) => sum + (blob?.bytes ?? 0), 0)
  if (bytes === 0) return done()
  load(world, volunteer, 'prepare', bytes, done)
}

function load(
  world: World,
  volunteer: Volunteer,
  what: 'set-up' | 'prepare',
  bytes: number,
  onDone: () => void,
): void {
  const isSame = sameProcess(volunteer)
  const onFailed = (reason: string): void =>
    world.queue.after(1, () => {
      if (isSame()) world.feed(volunteer, { type: 'failed', at: 0, what, reason, fatal: false })
    })
  if (volunteer.connection === null) return onFailed('not connected')
  const done = () => isSame() && onDone()
  transfer(world, volunteer, { direction: 'down', bytes, onDone: done, onFailed })
}

function sameProcess(volunteer: Volunteer): () => boolean {
  const { state } = volunteer
  return () => volunteer.state === state
}

/** Asks for a place, sends the bytes, and hears that they are stored. */
function upload(
  world: World,
  volunteer: Volunteer,
  leaseId: LeaseId,
  payload: BlobReference,
): void {
  const { queue } = world
  const { connection } = volunteer
  const isSame = sameProcess(volunteer)
  const onFailed = (reason: string, refused?: Extract<Reply, { type: 'refused' }>): void =>
    queue.after(1, () => {
      if (!isSame()) return
      const refusal = refused === undefined ? {} : { refusal: refused.refusal }
      world.feed(volunteer, { type: 'upload-failed', at: 0, leaseId, reason, ...refusal })
    })
  if (connection === null) return onFailed('not connected')
  const stored = (): void => {
    deliver(world, connection, leaseId)
    send(
      world,
      connection,
      () => isSame() && world.feed(volunteer, { type: 'uploaded', at: 0, leaseId }),
      () => {},
    )
  }
  let isAnswered = false
  const abort = (reason: string): void => {
    volunteer.transfers.delete(abort)
    if (!isAnswered) onFailed(reason)
    isAnswered = true
  }
  // Until the place is given, a lost connection ends the wait.
  volunteer.transfers.add(abort)
  request(world, volunteer, { type: 'upload', leaseId, payload }, (reply) => {
    if (isAnswered) return
    isAnswered = true
    volunteer.transfers.delete(abort)
    if (reply === null) return onFailed('no answer in time')
    if (reply.type === 'refused') return onFailed(reply.reason, reply)
    transfer(world, volunteer, { direction: 'up', bytes: payload.bytes, onDone: stored, onFailed })
  })
}

function deliver(world: World, connection: Connection, leaseId: LeaseId): void {
  const { random, faults, coordinator } = world
  if (!coordinator.isUp || !connection.isOpen) return
  if (faults.badPayload > 0 && chance(random, faults.badPayload)) {
    countFailure(world, 'payload damaged')
    coordinator.feed({ type: 'payload-refused', at: 0, leaseId, reason: 'not what was committed' })
  } else coordinator.feed({ type: 'payload-stored', at: 0, leaseId })
}
