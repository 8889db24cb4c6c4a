/**
 * A coordinator and its volunteers stepped against each other on a virtual clock: a tiny world with
 * latency, broken links, deaths and restarts, which performs every effect the way the shells do.
 */
import { expect } from 'vitest'
import { type DeadlineQueue, peekDeadline, pushDeadline } from '../../coordinator/deadlines.ts'
import type {
  AggregationJob,
  CoordinatorEffect,
  ParticipantEffect,
} from '../../coordinator/effect.ts'
import type { CoordinatorEvent, ParticipantEvent } from '../../coordinator/event.ts'
import { participantDeadline, participantStep } from '../../coordinator/participant.ts'
import { createParticipant, type ParticipantState } from '../../coordinator/participant-state.ts'
import { pendingEffects } from '../../coordinator/pending.ts'
import { snapshot } from '../../coordinator/snapshot.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { nextDeadline, step } from '../../coordinator/step.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { digestOf } from '../../protocol/digest.ts'
import { HEARTBEAT_MS } from '../../protocol/limits.ts'
import type { Contribution, Lease, LeaseId, Notice, Reply } from '../../protocol/messages.ts'
import { nextFraction, type Prng, prng } from '../../protocol/prng.ts'
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import { blobNamed, digestOfText } from '../protocol/example-config.ts'
import { checkedStep } from './invariants.ts'

export interface VolunteerSpec {
  name: string
  stepMs: number
  /** Time to upload a payload. */
  uploadMs?: number
}

export interface NetworkOptions {
  config: RunConfig
  volunteers: VolunteerSpec[]
  seed?: number
  latencyMs?: number
}

type Unstamped<E> = E extends { at: number } ? Omit<E, 'at'> : never

interface Volunteer extends Required<VolunteerSpec> {
  state: ParticipantState | null
  /** Counts connections; what belongs to an older one is lost. */
  epoch: number
  isConnected: boolean
  training: { lease: Lease; steps: number; isStopping: boolean } | null
  exit: Extract<ParticipantEffect, { type: 'exit' }> | null
}

export interface VirtualNetwork {
  readonly coordinator: CoordinatorState
  readonly journal: Uint8Array[]
  readonly now: number
  readonly random: Prng
  /** Batches counted, each with the number of times. */
  readonly counted: Map<number, number>
  readonly logs: string[]
  exitOf(name: string): string | null
  /** Runs until nothing is left to do, the condition holds, or the time is over. */
  runUntil(condition: () => boolean, timeMax: number): void
  breakLink(name: string): void
  /** The process dies; `restartAfterMs` null: for good. */
  kill(name: string, restartAfterMs: number | null): void
  add(spec: VolunteerSpec): void
  leave(name: string): void
  /** The coordinator's process dies and comes back from its journal. */
  restartCoordinator(downMs: number): void
  /** Called with each event before it is journaled: `die` kills the process there. */
  crashAt: ((event: CoordinatorEvent, count: number) => 'before' | 'after' | null) | null
}

const MERGE_MS = 300
const EVALUATE_MS = 500
const LOAD_MS = 200
const REQUEST_TIMEOUT_MS = 3_000

export function createVirtualNetwork(options: NetworkOptions): VirtualNetwork {
  const { config, seed = 1, latencyMs = 20 } = options
  const runId = runIdOf(config)
  const random = prng(seed)
  const fresh = () => initialState(config, runId, { base: digestOfText('base'), token: 'letmein' })
  const volunteers = new Map<string, Volunteer>()
  const journal: Uint8Array[] = []
  const counted = new Map<number, number>()
  const logs: string[] = []
  const pendingReplies = new Map<number, (reply: Reply) => void>()
  const queue: DeadlineQueue<number> = []
  const actions = new Map<number, () => void>()
  let coordinator = fresh()
  let isUp = false
  let generation = 0
  let now = 0
  let order = 0
  let requestCount = 0
  let eventCount = 0

  const latency = () => latencyMs * (0.5 + nextFraction(random))

  function later(ms: number, run: () => void): void {
    order += 1
    pushDeadline(queue, { at: now + ms, key: order })
    actions.set(order, run)
  }

  /** Runs only if the coordinator's process is still the same one. */
  function laterInCoordinator(ms: number, run: () => void): void {
    const mine = generation
    later(ms, () => {
      if (mine === generation && isUp) run()
    })
  }

  // The coordinator's shell.

  function feed(unstamped: Unstamped<CoordinatorEvent>): void {
    if (!isUp) return
    const event = { ...unstamped, at: now } as CoordinatorEvent
    eventCount += 1
    const crash = network.crashAt?.(event, eventCount) ?? null
    if (crash === 'before') return network.restartCoordinator(700)
    const outcome = checkedStep(coordinator, event)
    if (outcome.accepted) journal.push(encode(event))
    if (crash === 'after') return network.restartCoordinator(700)
    for (const effect of outcome.effects) perform(effect)
    scheduleTick()
  }

  function scheduleTick(): void {
    const deadline = nextDeadline(coordinator)
    if (deadline === null) return
    laterInCoordinator(Math.max(0, deadline - now), () => {
      const due = nextDeadline(coordinator)
      if (due !== null && due <= now) feed({ type: 'tick' })
    })
  }

  function perform(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'reply':
        pendingReplies.get(effect.requestId)?.(effect.reply)
        pendingReplies.delete(effect.requestId)
        return
      case 'notify':
        for (const volunteer of volunteers.values()) {
          const isMember = coordinator.members.has(volunteer.name)
          if (effect.to === volunteer.name || (effect.to === 'all' && isMember)) {
            sendNotice(volunteer, effect.notice)
          }
        }
        return
      case 'aggregate':
        laterInCoordinator(MERGE_MS, () => merge(effect.job))
        return
      case 'evaluate': {
        const { round } = effect
        laterInCoordinator(EVALUATE_MS, () => feed({ type: 'evaluated', round, loss: 1 }))
        return
      }
      case 'disconnect':
        return network.breakLink(effect.peer)
      case 'log':
        logs.push(`${Math.round(now)} coordinator: ${effect.text}`)
    }
  }

  function merge(job: AggregationJob): void {
    const adapter = digestOf(encode(job))
    feed({
      type: 'aggregated',
      round: job.round,
      aggregate: {
        adapter,
        checkpoint: { digest: adapter, bytes: 1000 },
        update: blobNamed(`update ${adapter}`),
        moment: blobNamed(`moment ${adapter}`),
        outerState: blobNamed(`outer ${adapter}`),
        manifest: blobNamed(`manifest ${adapter}`),
        rejected: [],
      },
    })
    if (coordinator.round.start.base !== adapter) return
    for (const { firstBatch, steps } of job.contributions) {
      for (let batch = firstBatch; batch < firstBatch + steps; batch++) {
        counted.set(batch, (counted.get(batch) ?? 0) + 1)
      }
    }
  }

  function startCoordinator(): void {
    generation += 1
    isUp = true
    coordinator = fresh()
    for (const entry of journal) step(coordinator, decode(entry) as CoordinatorEvent)
    for (const effect of pendingEffects(coordinator)) perform(effect)
    feed({ type: 'started' })
    heartbeat()
  }

  function heartbeat(): void {
    laterInCoordinator(HEARTBEAT_MS, () => {
      for (const volunteer of volunteers.values()) sendNotice(volunteer, { type: 'heartbeat' })
      heartbeat()
    })
  }

  function sendNotice(volunteer: Volunteer, notice: Notice): void {
    if (!volunteer.isConnected) return
    const { epoch } = volunteer
    later(latency(), () => {
      if (volunteer.epoch === epoch) feedVolunteer(volunteer, { type: 'notice', notice })
    })
  }

  // The participants' shells.

  function feedVolunteer(volunteer: Volunteer, unstamped: Unstamped<ParticipantEvent>): void {
    const { state } = volunteer
    if (state === null) return
    const event = { ...unstamped, at: now } as ParticipantEvent
    const effects = participantStep(state, event)
    if (event.type === 'tick') {
      expect(participantDeadline(state) ?? now + 1, 'a tick leaves nothing due').toBeGreaterThan(
        now,
      )
    }
    for (const effect of effects) performVolunteer(volunteer, state, effect)
    const deadline = participantDeadline(state)
    if (deadline === null) return
    laterIn(volunteer, Math.max(0, deadline - now), () => {
      const due = participantDeadline(state)
      if (due !== null && due <= now) feedVolunteer(volunteer, { type: 'tick' })
    })
  }

  /** Runs only if the volunteer's process is still the same one. */
  function laterIn(volunteer: Volunteer, ms: number, run: () => void): void {
    const { state } = volunteer
    later(ms, () => {
      if (volunteer.state === state && volunteer.exit === null) run()
    })
  }

  function performVolunteer(
    volunteer: Volunteer,
    state: ParticipantState,
    effect: ParticipantEffect,
  ): void {
    switch (effect.type) {
      case 'connect':
        laterIn(volunteer, 3 * latency(), () => connect(volunteer))
        return
      case 'request': {
        const { requestId, request } = effect
        return call(volunteer, request, (reply) =>
          feedVolunteer(
            volunteer,
            reply === null
              ? { type: 'request-failed', requestId, reason: 'timeout' }
              : { type: 'reply', requestId, reply },
          ),
        )
      }
      case 'set-up':
        laterIn(volunteer, LOAD_MS, () => feedVolunteer(volunteer, { type: 'set-up' }))
        return
      case 'prepare': {
        const { round, base } = effect.start
        laterIn(volunteer, LOAD_MS, () =>
          feedVolunteer(volunteer, { type: 'prepared', round, base }),
        )
        return
      }
      case 'train':
        volunteer.training = { lease: effect.lease, steps: 0, isStopping: false }
        return trainStep(volunteer, state)
      case 'stop-training':
        if (volunteer.training?.lease.leaseId === effect.leaseId) {
          volunteer.training.isStopping = true
        }
        return
      case 'abandon-training':
        if (volunteer.training?.lease.leaseId === effect.leaseId) volunteer.training = null
        return
      case 'upload':
        return upload(volunteer, effect.leaseId, effect.payload)
      case 'disconnect':
        return closeLink(volunteer, false)
      case 'exit':
        volunteer.exit = effect
        return closeLink(volunteer, false)
      case 'log':
        logs.push(`${Math.round(now)} ${volunteer.name}: ${effect.text}`)
    }
  }

  function connect(volunteer: Volunteer): void {
    if (!isUp) return feedVolunteer(volunteer, { type: 'disconnected', reason: 'refused' })
    volunteer.epoch += 1
    volunteer.isConnected = true
    feedVolunteer(volunteer, { type: 'connected' })
  }

  /** One request and its reply, either of which the link may lose. */
  function call(
    volunteer: Volunteer,
    request: Extract<ParticipantEffect, { type: 'request' }>['request'],
    settle: (reply: Reply | null) => void,
  ): void {
    const { epoch, state } = volunteer
    let isSettled = false
    const finish = (reply: Reply | null): void => {
      if (isSettled || volunteer.state !== state || volunteer.exit !== null) return
      isSettled = true
      settle(reply)
    }
    later(REQUEST_TIMEOUT_MS, () => finish(null))
    later(latency(), () => {
      if (volunteer.epoch !== epoch || !volunteer.isConnected || !isUp) return
      requestCount += 1
      const requestId = requestCount
      pendingReplies.set(requestId, (reply) =>
        later(latency(), () => {
          if (volunteer.epoch === epoch && volunteer.isConnected) finish(reply)
        }),
      )
      feed({ type: 'request', peer: volunteer.name, requestId, request, signatureValid: true })
    })
  }

  function trainStep(volunteer: Volunteer, state: ParticipantState): void {
    const { training } = volunteer
    laterIn(volunteer, volunteer.stepMs, () => {
      if (volunteer.training !== training || training === null) return
      training.steps += 1
      const { lease, steps } = training
      const { leaseId } = lease
      feedVolunteer(volunteer, { type: 'step-done', leaseId, steps, stepMs: volunteer.stepMs })
      if (volunteer.training !== training) return
      if (steps < lease.steps && !training.isStopping) return trainStep(volunteer, state)
      volunteer.training = null
      const contribution = contributionOf(volunteer, lease, steps)
      const signature = new Uint8Array(64)
      feedVolunteer(volunteer, { type: 'trained', leaseId, contribution, signature })
    })
  }

  function contributionOf(volunteer: Volunteer, lease: Lease, steps: number): Contribution {
    const { leaseId, round, base, firstBatch } = lease
    return {
      ...{ runId, round, leaseId, base, firstBatch, steps },
      peer: volunteer.name,
      tokens: steps * 10,
      loss: 2,
      trace: Array.from({ length: steps }, (_, k) => digestOfText(`${base} ${firstBatch} ${k}`)),
      payload: blobNamed(`${base} ${firstBatch} ${steps}`),
      stepMs: volunteer.stepMs,
    }
  }

  function upload(volunteer: Volunteer, leaseId: LeaseId, payload: Contribution['payload']): void {
    const { epoch } = volunteer
    const failed = (reason: string) =>
      feedVolunteer(volunteer, { type: 'upload-failed', leaseId, reason })
    call(volunteer, { type: 'upload', leaseId, payload }, (reply) => {
      if (reply === null) return failed('timeout')
      if (reply.type === 'refused') {
        const { refusal, reason } = reply
        return feedVolunteer(volunteer, { type: 'upload-failed', leaseId, reason, refusal })
      }
      laterIn(volunteer, volunteer.uploadMs, () => {
        if (volunteer.epoch !== epoch || !volunteer.isConnected) return failed('broken link')
        feed({ type: 'payload-stored', leaseId })
        later(latency(), () => feedVolunteer(volunteer, { type: 'uploaded', leaseId }))
      })
    })
  }

  /** `isTold`: the participant learns of it as an event (it did not close the link itself). */
  function closeLink(volunteer: Volunteer, isTold: boolean): void {
    if (!volunteer.isConnected) return
    volunteer.isConnected = false
    volunteer.epoch += 1
    laterInCoordinator(latency(), () => {
      if (!volunteer.isConnected) feed({ type: 'disconnected', peer: volunteer.name })
    })
    if (isTold) {
      laterIn(volunteer, latency(), () => {
        if (volunteer.isConnected) return
        feedVolunteer(volunteer, { type: 'disconnected', reason: 'broken link' })
      })
    }
  }

  function startVolunteer(volunteer: Volunteer): void {
    const { name } = volunteer
    volunteer.state = createParticipant({
      ...{ peer: name, name, software: 'test', run: runId, token: 'letmein' },
      seed: seed + volunteer.epoch,
    })
    feedVolunteer(volunteer, { type: 'started' })
  }

  function runNext(): boolean {
    const next = peekDeadline(queue, ({ key }) => actions.has(key))
    if (next === null) return false
    const run = actions.get(next.key)!
    actions.delete(next.key)
    now = Math.max(now, next.at)
    run()
    return true
  }

  const network: VirtualNetwork = {
    get coordinator() {
      return coordinator
    },
    get now() {
      return now
    },
    ...{ journal, random, counted, logs },
    crashAt: null,
    exitOf: (name) => volunteers.get(name)?.exit?.outcome ?? null,
    runUntil: (condition, timeMax) => {
      while (now < timeMax && !condition() && runNext());
    },
    breakLink: (name) => closeLink(volunteers.get(name)!, true),
    kill: (name, restartAfterMs) => {
      const volunteer = volunteers.get(name)!
      if (volunteer.state === null) return
      closeLink(volunteer, false)
      volunteer.state = null
      volunteer.training = null
      if (restartAfterMs !== null) later(restartAfterMs, () => startVolunteer(volunteer))
    },
    add: (spec) => {
      const volunteer: Volunteer = {
        uploadMs: 100,
        ...spec,
        ...{ state: null, epoch: 0, isConnected: false, training: null, exit: null },
      }
      volunteers.set(spec.name, volunteer)
      startVolunteer(volunteer)
    },
    leave: (name) => feedVolunteer(volunteers.get(name)!, { type: 'leave', reason: 'enough' }),
    restartCoordinator: (downMs) => {
      const live = snapshot(coordinator)
      const replayed = fresh()
      for (const entry of journal) step(replayed, decode(entry) as CoordinatorEvent)
      // A process that died before its journal was written knew more than the journal does.
      if (network.crashAt === null) expect(snapshot(replayed)).toEqual(live)
      isUp = false
      generation += 1
      pendingReplies.clear()
      for (const volunteer of volunteers.values()) closeLink(volunteer, true)
      later(downMs, startCoordinator)
    },
  }
  startCoordinator()
  for (const spec of options.volunteers) network.add(spec)
  return network
}
