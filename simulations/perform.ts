/**
 * Does what a participant's effects say, one case an effect, as `node/roles/perform-participant`.
 */
import type { ParticipantEffect } from '../coordinator/participant/index.ts'
import {
  assertNever,
  type BlobReference,
  type LeaseId,
  type Reply,
  type RoundStart,
} from '../protocol/index.ts'
import { endAudit, startAudit } from './auditing.ts'
import { chance } from './laws.ts'
import { endConnection, isCut, latencyMs, send } from './network.ts'
import { ask } from './requests.ts'
import { endTraining, startTraining, stopTraining } from './training.ts'
import { abortTransfers, startTransfer } from './transfers.ts'
import {
  type Connection,
  countFailure,
  NO_QUESTIONS,
  type Transfer,
  type Volunteer,
  type World,
} from './world.ts'

/** TCP's, Noise's and Yamux's handshakes. */
const HANDSHAKE_TRIPS = 3
const DIAL_TIMEOUT_MS = 10_000

type Performed = Exclude<ParticipantEffect, { type: 'exit' }>

export function perform(world: World, volunteer: Volunteer, effect: Performed): void {
  switch (effect.type) {
    case 'connect':
      return connect(world, volunteer)
    case 'request':
      return ask(world, volunteer, effect.request, (reply) =>
        hear(world, volunteer, effect.requestId, reply),
      )
    case 'set-up':
      return setUp(world, volunteer)
    case 'prepare':
      return prepare(world, volunteer, effect.start)
    case 'train':
      return startTraining(world, volunteer, effect.lease)
    case 'stop-training':
      return stopTraining(world, volunteer, effect.when)
    case 'audit':
      return startAudit(world, volunteer, effect.offer)
    case 'score': {
      const { leaseId } = effect.offer
      return world.feed(volunteer, {
        type: 'scoring-failed',
        at: 0,
        leaseId,
        reason: NO_QUESTIONS,
      })
    }
    case 'abandon-training':
      if (volunteer.auditing?.offer.leaseId === effect.leaseId) return endAudit(volunteer)
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

function hear(world: World, volunteer: Volunteer, requestId: number, reply: Reply | null): void {
  if (reply !== null) return world.feed(volunteer, { type: 'reply', at: 0, requestId, reply })
  const reason = 'no answer in time'
  world.feed(volunteer, { type: 'request-failed', at: 0, requestId, reason })
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

/** Fetches the update where it fits, or else the checkpoint; the update is tried first. */
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
  startTransfer(world, volunteer, { direction: 'down', bytes, onDone: done, onFailed })
}

function sameProcess(volunteer: Volunteer): () => boolean {
  const { state } = volunteer
  return () => volunteer.state === state
}

interface Upload {
  readonly world: World
  readonly volunteer: Volunteer
  readonly connection: Connection
  readonly state: Volunteer['state']
  readonly leaseId: LeaseId
  readonly payload: BlobReference
}

/** Asks for a place, sends the bytes, and hears that they are stored. */
function upload(
  world: World,
  volunteer: Volunteer,
  leaseId: LeaseId,
  payload: BlobReference,
): void {
  const { connection, state } = volunteer
  if (connection === null) {
    return world.queue.after(1, () => {
      const reason = 'not connected'
      if (volunteer.state === state) {
        world.feed(volunteer, { type: 'upload-failed', at: 0, leaseId, reason })
      }
    })
  }
  const sent: Upload = { world, volunteer, connection, state, leaseId, payload }
  // Until the place is given, a lost connection ends the wait.
  const wait: Transfer = {
    onDone: () => {},
    onFailed: (reason) => failUpload(sent, reason, null),
    isOver: false,
    cancel: null,
    leaveSlot: null,
  }
  volunteer.transfers.add(wait)
  ask(world, volunteer, { type: 'upload', leaseId, payload }, (reply) => {
    if (wait.isOver) return
    wait.isOver = true
    volunteer.transfers.delete(wait)
    if (reply?.type === 'go') sendPayload(sent)
    else failUpload(sent, 'no place', reply)
  })
}

function sendPayload(sent: Upload): void {
  const { world, volunteer, payload } = sent
  startTransfer(world, volunteer, {
    direction: 'up',
    bytes: payload.bytes,
    onDone: () => arrive(sent),
    onFailed: (reason) => failUpload(sent, reason, null),
  })
}

function failUpload(
  { world, volunteer, state, leaseId }: Upload,
  reason: string,
  reply: Reply | null,
): void {
  const refusal = reply?.type === 'refused' ? { refusal: reply.refusal } : {}
  world.queue.after(1, () => {
    if (volunteer.state !== state) return
    world.feed(volunteer, { type: 'upload-failed', at: 0, leaseId, reason, ...refusal })
  })
}

/** The payload is measured before it counts as stored. */
function arrive(sent: Upload): void {
  const { world } = sent
  const { queue, options } = world
  world.measuredAt = Math.max(world.measuredAt, queue.now) + options.measureMs
  queue.at(world.measuredAt, () => deliver(sent))
}

function deliver(sent: Upload): void {
  const { world, connection, leaseId } = sent
  const { faults, coordinator } = world
  const random = connection.volunteer.host.random.message
  if (!coordinator.isUp || !connection.isOpen) return failUpload(sent, 'cut', null)
  if (faults.badPayload > 0 && chance(random, faults.badPayload)) {
    countFailure(world, 'payload damaged')
    coordinator.feed({ type: 'payload-refused', at: 0, leaseId, reason: 'not what was committed' })
  } else coordinator.feed({ type: 'payload-stored', at: 0, leaseId })
  send(world, connection, sent, hearStored, null)
}

function hearStored({ world, volunteer, state, leaseId }: Upload): void {
  if (volunteer.state === state) world.feed(volunteer, { type: 'uploaded', at: 0, leaseId })
}
