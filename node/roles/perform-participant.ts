/** Does what the participant's effects say, one case an effect, and feeds the outcomes back. */
import type { ParticipantEffect } from '../../coordinator/participant/index.ts'
import { assertNever, ConfigError, type Credit } from '../../protocol/index.ts'
import { ComputeEndedError } from '../compute/compute.ts'
import { RefusedError } from '../network/errors.ts'
import { request } from '../network/rpc.ts'
import { startAudit } from './audit-work.ts'
import { connectionOf, type Held, newHeld } from './held.ts'
import { prepare, setUp } from './load-round.ts'
import type { ParticipantWorld } from './participant-world.ts'
import { startScoring } from './score-work.ts'
import { diskText, isDiskSlow } from './slow-disk.ts'
import { startTraining, upload } from './work-lease.ts'

export interface ParticipantPerformer {
  perform(effect: ParticipantEffect): void
  /** What counts of its work by now; null: it is not connected, or hears nothing in time. */
  askCredit(): Promise<Credit | null>
  disconnect(): Promise<void>
}

export function createParticipantPerformer(world: ParticipantWorld): ParticipantPerformer {
  const held = newHeld()
  let isToldOfDisk = false
  world.compute.onStep((progress) => {
    const { leaseId, steps, stepMs } = progress
    if (!isToldOfDisk && isDiskSlow(progress)) {
      isToldOfDisk = true
      world.log.warn(diskText(progress))
    }
    world.feed({ type: 'step-done', leaseId, steps, stepMs })
    world.onStep(progress)
  })
  const failed = (what: 'set-up' | 'prepare') => (error: Error) => {
    const fatal = error instanceof ConfigError || error instanceof ComputeEndedError
    world.feed({ type: 'failed', what, reason: error.message, fatal })
  }

  function perform(effect: ParticipantEffect): void {
    switch (effect.type) {
      case 'connect':
        connect(world, held).catch((error: Error) =>
          world.feed({ type: 'disconnected', reason: error.message }),
        )
        return
      case 'request':
        ask(world, held, effect)
        return
      case 'set-up':
        setUp(world, held, effect).then(() => world.feed({ type: 'set-up' }), failed('set-up'))
        return
      case 'prepare':
        prepare(world, held, effect.start).then(world.feed, failed('prepare'))
        return
      case 'train':
        startTraining(world, held, effect)
        return
      case 'audit':
        startAudit(world, held, effect.offer)
        return
      case 'score':
        startScoring(world, held, effect.offer)
        return
      case 'stop-training':
        return world.compute.stopTraining(effect.leaseId, effect.when)
      case 'abandon-training':
        held.abandoned.add(effect.leaseId)
        return world.compute.abandonTraining(effect.leaseId)
      case 'upload':
        upload(world, held, effect.leaseId, effect.payload).then(world.feed, (error: Error) => {
          const refusal = error instanceof RefusedError ? error.refusal : null
          world.feed({
            type: 'upload-failed',
            leaseId: effect.leaseId,
            reason: error.message,
            ...(refusal !== null && { refusal }),
          })
        })
        return
      case 'disconnect':
        void disconnect()
        return
      case 'exit':
        return world.onExit(effect)
      case 'log':
        return world.log[effect.level](effect.text)
      default:
        assertNever(effect)
    }
  }

  async function disconnect(): Promise<void> {
    const { connection } = held
    // It is given up from now on, and not cut.
    held.connection = null
    await connection?.close().catch(() => {})
  }

  async function askCredit(): Promise<Credit | null> {
    if (held.connection === null) return null
    const timeoutMs = CREDIT_TIMEOUT_MS
    const asked = request(held.connection, { type: 'status' }, undefined, { timeoutMs })
    const reply = await asked.catch(() => null)
    return reply?.type === 'status' ? reply.own : null
  }
  return { perform, askCredit, disconnect }
}

/** Its owner waits for the answer, who hears soon enough that a link is broken. */
const CREDIT_TIMEOUT_MS = 2_000

async function connect(world: ParticipantWorld, held: Held): Promise<void> {
  const { connection, ended } = await world.connect((notice) =>
    world.feed({ type: 'notice', notice }),
  )
  held.connection = connection
  const since = performance.now()
  world.feed({ type: 'connected' })
  const reason = await ended
  if (held.connection === connection) {
    held.connection = null
    world.onCut(connection, performance.now() - since)
  }
  world.feed({ type: 'disconnected', reason })
}

function ask(
  world: ParticipantWorld,
  held: Held,
  effect: Extract<ParticipantEffect, { type: 'request' }>,
): void {
  const { requestId } = effect
  Promise.resolve()
    .then(() => request(connectionOf(held), effect.request))
    .then(
      (reply) => world.feed({ type: 'reply', requestId, reply }),
      (error: Error) => world.feed({ type: 'request-failed', requestId, reason: error.message }),
    )
}
