/** A participant's shell in the virtual world: it trains by waiting, and uploads by saying so. */
import { expect } from 'vitest'
import type { ParticipantEffect } from '../../coordinator/participant/effect.ts'
import type { ParticipantEvent } from '../../coordinator/participant/event.ts'
import { createParticipant, type ParticipantState } from '../../coordinator/participant/state.ts'
import {
  nextDeadline as participantDeadline,
  step as participantStep,
} from '../../coordinator/participant/step.ts'
import type {
  AuditOffer,
  Contribution,
  Lease,
  Notice,
  Reply,
  Request,
} from '../../protocol/messages.ts'
import { blobNamed } from '../protocol/example-config.ts'
import type { VirtualClock } from './virtual-clock.ts'
import { type VirtualCoordinator, workOf } from './virtual-coordinator.ts'

export interface VolunteerSpec {
  name: string
  stepMs: number
  /** Time to upload a payload. */
  uploadMs?: number
}

export interface VirtualVolunteer {
  readonly name: string
  /** How it ended; null while it runs. */
  readonly exit: Extract<ParticipantEffect, { type: 'exit' }> | null
  start(): void
  notify(notice: Notice): void
  breakLink(): void
  /** The process dies; `restartAfterMs` null: for good. */
  kill(restartAfterMs: number | null): void
  pause(): void
  resume(): void
  leave(): void
}

export interface VolunteerWorld {
  clock: VirtualClock
  coordinator: VirtualCoordinator
  seed: number
  latency(): number
  log(text: string): void
}

import type { Unstamped } from '../../node/clock.ts'

const LOAD_MS = 200
const REQUEST_TIMEOUT_MS = 3_000

export function createVirtualVolunteer(
  { name, stepMs, uploadMs = 100 }: VolunteerSpec,
  { clock, coordinator, seed, latency, log }: VolunteerWorld,
): VirtualVolunteer {
  const { runId } = coordinator.state
  let state: ParticipantState | null = null
  let exit: VirtualVolunteer['exit'] = null
  /** Counts connections; what belongs to an older one is lost. */
  let epoch = 0
  let isConnected = false
  /** The audit it works on. */
  let auditing: number | null = null
  let training: { lease: Lease; steps: number; isStopping: boolean } | null = null

  /** Runs only if the process is still the same one. */
  function later(ms: number, action: () => void): void {
    const mine = state
    clock.later(ms, () => {
      if (state !== null && state === mine && exit === null) action()
    })
  }

  /** Runs only if the link is still the same one, too. */
  function laterOnLink(ms: number, action: () => void): void {
    const mine = epoch
    later(ms, () => {
      if (isConnected && epoch === mine) action()
    })
  }

  function feed(unstamped: Unstamped<ParticipantEvent>): void {
    if (state === null) return
    const event = { ...unstamped, at: clock.now } as ParticipantEvent
    const effects = participantStep(state, event)
    if (event.type === 'tick') {
      const next = participantDeadline(state) ?? Number.POSITIVE_INFINITY
      expect(next, 'a tick leaves nothing due').toBeGreaterThan(clock.now)
    }
    for (const effect of effects) perform(effect)
    const deadline = state === null ? null : participantDeadline(state)
    if (deadline === null) return
    later(Math.max(0, deadline - clock.now), () => {
      const due = participantDeadline(state!)
      if (due !== null && due <= clock.now) feed({ type: 'tick' })
    })
  }

  function perform(effect: ParticipantEffect): void {
    switch (effect.type) {
      case 'connect':
        return later(3 * latency(), connect)
      case 'request': {
        const { requestId, request } = effect
        return call(request, (reply) =>
          feed(
            reply === null
              ? { type: 'request-failed', requestId, reason: 'timeout' }
              : { type: 'reply', requestId, reply },
          ),
        )
      }
      case 'set-up':
        return later(LOAD_MS, () => feed({ type: 'set-up' }))
      case 'prepare': {
        const { round, base } = effect.start
        return later(LOAD_MS, () => feed({ type: 'prepared', round, base }))
      }
      case 'train':
        training = { lease: effect.lease, steps: 0, isStopping: false }
        return trainStep()
      case 'audit':
        return audit(effect.offer)
      case 'stop-training':
        if (training?.lease.leaseId !== effect.leaseId) return
        if (effect.when === 'now') return later(0, endTraining)
        training.isStopping = true
        return
      case 'abandon-training':
        if (training?.lease.leaseId === effect.leaseId) training = null
        if (auditing === effect.leaseId) auditing = null
        return
      case 'upload':
        return upload(effect)
      case 'disconnect':
        return closeLink()
      case 'exit':
        exit = effect
        return closeLink()
      case 'log':
        return log(`${name}: ${effect.text}`)
    }
  }

  function connect(): void {
    if (!coordinator.isUp) return feed({ type: 'disconnected', reason: 'refused' })
    epoch += 1
    isConnected = true
    feed({ type: 'connected' })
  }

  /** One request and its reply, either of which the link may lose; null when no reply came. */
  function call(request: Request, settle: (reply: Reply | null) => void): void {
    let isSettled = false
    const finish = (reply: Reply | null): void => {
      if (!isSettled) settle(reply)
      isSettled = true
    }
    later(REQUEST_TIMEOUT_MS, () => finish(null))
    laterOnLink(latency(), () => {
      coordinator.ask(name, request, (reply) => laterOnLink(latency(), () => finish(reply)))
    })
  }

  function trainStep(): void {
    const mine = training
    later(stepMs, () => {
      if (mine === null || training !== mine) return
      mine.steps += 1
      const { lease, steps } = mine
      const { leaseId } = lease
      feed({ type: 'step-done', leaseId, steps, stepMs })
      if (training !== mine) return
      if (steps < lease.steps && !mine.isStopping) return trainStep()
      endTraining()
    })
  }

  function audit({ leaseId, start, firstBatch, steps, kind }: AuditOffer): void {
    auditing = leaseId
    later(steps * stepMs, () => {
      if (auditing !== leaseId) return
      auditing = null
      const result = workOf(start.base, firstBatch, steps, kind)
      const answer = { runId, leaseId, peer: name, ...result }
      feed({ type: 'audited', answer, signature: new Uint8Array(64) })
    })
  }

  /** The steps that are done count. */
  function endTraining(): void {
    if (training === null) return
    const { lease, steps } = training
    const { leaseId } = lease
    training = null
    if (steps === 0) return feed({ type: 'training-empty', leaseId })
    const contribution = contributionOf(lease, steps)
    feed({ type: 'trained', leaseId, contribution, signature: new Uint8Array(64) })
  }

  function contributionOf(lease: Lease, steps: number): Contribution {
    const { leaseId, round, base, firstBatch } = lease
    return {
      runId,
      round,
      leaseId,
      peer: name,
      base,
      firstBatch,
      steps,
      tokens: steps * 10,
      loss: 2,
      stepMs,
      trace: workOf(base, firstBatch, steps, 'look').trace,
      payload: blobNamed(`${base} ${firstBatch} ${steps}`),
    }
  }

  function upload({ leaseId, payload }: Extract<ParticipantEffect, { type: 'upload' }>): void {
    const mine = epoch
    const failed = (reason: string) => feed({ type: 'upload-failed', leaseId, reason })
    call({ type: 'upload', leaseId, payload }, (reply) => {
      if (reply === null) return failed('timeout')
      if (reply.type === 'refused') {
        const { refusal, reason } = reply
        return feed({ type: 'upload-failed', leaseId, reason, refusal })
      }
      later(uploadMs, () => {
        if (!isConnected || epoch !== mine) return failed('broken link')
        coordinator.feed({ type: 'payload-stored', leaseId })
        later(latency(), () => feed({ type: 'uploaded', leaseId }))
      })
    })
  }

  /** The coordinator hears of it a little later, unless a new link is there by then. */
  function closeLink(): void {
    if (!isConnected) return
    isConnected = false
    epoch += 1
    clock.later(latency(), () => {
      if (!isConnected) coordinator.feed({ type: 'disconnected', peer: name })
    })
  }

  const volunteer: VirtualVolunteer = {
    name,
    get exit() {
      return exit
    },
    start: () => {
      const options = { peer: name, name, software: 'test', run: runId, token: 'letmein' }
      const session = epoch
      state = createParticipant({ ...options, session, seed: seed + epoch })
      feed({ type: 'started' })
    },
    notify: (notice) => {
      if (isConnected) laterOnLink(latency(), () => feed({ type: 'notice', notice }))
    },
    breakLink: () => {
      if (!isConnected) return
      closeLink()
      later(latency(), () => {
        if (!isConnected) feed({ type: 'disconnected', reason: 'broken link' })
      })
    },
    kill: (restartAfterMs) => {
      if (state === null) return
      closeLink()
      state = null
      training = null
      auditing = null
      if (restartAfterMs !== null) clock.later(restartAfterMs, volunteer.start)
    },
    pause: () => feed({ type: 'pause', reason: 'on battery' }),
    resume: () => feed({ type: 'resume' }),
    leave: () => feed({ type: 'leave', reason: 'enough' }),
  }
  return volunteer
}
