/** The coordinator's shell in the virtual world: a journal in memory, merges that take a moment. */
import { expect } from 'vitest'
import type { AggregationJob, CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { pendingEffects } from '../../coordinator/pending.ts'
import { snapshot } from '../../coordinator/snapshot.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { nextDeadline, step } from '../../coordinator/step.ts'
import type { Unstamped } from '../../node/clock.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { digestOf } from '../../protocol/digest.ts'
import { HEARTBEAT_MS } from '../../protocol/limits.ts'
import type { Notice, PeerId, Reply, Request } from '../../protocol/messages.ts'
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import { blobNamed, digestOfText, PAYLOAD_BYTES } from '../protocol/example-config.ts'
import { coinPublished, drawFor, startedAfter } from './coin.ts'
import { checkedStep } from './invariants.ts'
import type { VirtualClock } from './virtual-clock.ts'

export type Crash = 'before' | 'after' | null

export interface VirtualCoordinator {
  readonly state: CoordinatorState
  readonly journal: Uint8Array[]
  /** Batches counted, each with the number of times. */
  readonly counted: Map<number, number>
  readonly isUp: boolean
  start(): void
  feed(event: Unstamped<CoordinatorEvent>): void
  /** Feeds a request; `settle` gets the reply unless the process dies first. */
  ask(peer: PeerId, request: Request, settle: (reply: Reply) => void): void
  /** The process dies and comes back from its journal. */
  restart(downMs: number): void
  /** Asked at each event: die before or after it is in the journal? */
  crashAt: (event: CoordinatorEvent, count: number) => Crash
}

export interface CoordinatorWorld {
  config: RunConfig
  clock: VirtualClock
  send(to: PeerId | 'all', notice: Notice): void
  hangUp(peer: PeerId): void
  /** The process died: all links break. */
  onDown(): void
  log(text: string): void
}

const MERGE_MS = 300
const SCORE_MS = 5_000
const EVALUATE_MS = 500
const OWN_STEP_MS = 400

/** Work that depends on the base and the batches alone, as real work does. */
export function workOf(base: string, firstBatch: number, steps: number, kind: 'look' | 'full') {
  return {
    trace: Array.from({ length: steps }, (_, k) => digestOfText(`${base} ${firstBatch} ${k}`)),
    payload: kind === 'full' ? blobNamed(`${base} ${firstBatch} ${steps}`).digest : null,
    tokens: kind === 'full' ? steps * 10 : null,
  }
}

export function createVirtualCoordinator(world: CoordinatorWorld): VirtualCoordinator {
  const { config, clock } = world
  const runId = runIdOf(config)
  const fresh = () =>
    initialState(config, runId, { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES })
  const journal: Uint8Array[] = []
  const counted = new Map<number, number>()
  const replies = new Map<number, (reply: Reply) => void>()
  let state = fresh()
  let isUp = false
  let generation = 0
  let requestCount = 0
  let eventCount = 0

  /** Runs only if the process is still the same one. */
  function later(ms: number, action: () => void): void {
    const mine = generation
    clock.later(ms, () => {
      if (mine === generation && isUp) action()
    })
  }

  function replayed(): CoordinatorState {
    const again = fresh()
    for (const entry of journal) step(again, decode(entry) as CoordinatorEvent)
    return again
  }

  function feed(unstamped: Unstamped<CoordinatorEvent>): void {
    if (!isUp) return
    const event = { ...unstamped, at: clock.now } as CoordinatorEvent
    eventCount += 1
    const crash = coordinator.crashAt(event, eventCount)
    if (crash === 'before') return coordinator.restart(700)
    const outcome = checkedStep(state, event)
    if (outcome.accepted) journal.push(encode(event))
    if (crash === 'after') return coordinator.restart(700)
    for (const effect of outcome.effects) perform(effect)
    scheduleTick()
  }

  function scheduleTick(): void {
    const deadline = nextDeadline(state)
    if (deadline === null) return
    later(Math.max(0, deadline - clock.now), () => {
      const due = nextDeadline(state)
      if (due !== null && due <= clock.now) feed({ type: 'tick' })
    })
  }

  function perform(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'reply':
        replies.get(effect.requestId)?.(effect.reply)
        replies.delete(effect.requestId)
        return
      case 'notify':
        return world.send(effect.to, effect.notice)
      case 'aggregate':
        return later(MERGE_MS, () => merge(effect.job))
      case 'evaluate': {
        const { round } = effect
        return later(EVALUATE_MS, () => feed({ type: 'evaluated', round, loss: 1 }))
      }
      case 'score': {
        const { round, adapter } = effect
        const scores = { acc: 1 }
        return later(SCORE_MS, () => feed({ type: 'scored', round, adapter, scores, reason: null }))
      }
      case 'audit':
        return later(effect.job.steps * OWN_STEP_MS, () => {
          const { auditId, start, firstBatch, steps, kind } = effect.job
          const result = workOf(start.base, firstBatch, steps, kind)
          feed({ type: 'audited', auditId, result })
        })
      case 'publish-coin':
        return feed(coinPublished(0, effect.published))
      case 'disconnect':
        return world.hangUp(effect.peer)
      case 'log':
        return world.log(`coordinator: ${effect.text}`)
    }
  }

  function merge(job: AggregationJob): void {
    const adapter = digestOf(encode(job))
    const blob = (what: string) => blobNamed(`${what} ${adapter}`)
    const aggregate = {
      adapter,
      checkpoint: { digest: adapter, bytes: 1000 },
      update: blob('update'),
      moment: blob('moment'),
      outerState: blob('outer'),
      manifest: blob('manifest'),
      rejected: [],
      contrary: [],
    }
    feed({ type: 'aggregated', round: job.round, attempt: job.attempt, aggregate })
    if (state.round.start.base !== adapter) return
    for (const { firstBatch, steps } of job.contributions) {
      for (let batch = firstBatch; batch < firstBatch + steps; batch++) {
        counted.set(batch, (counted.get(batch) ?? 0) + 1)
      }
    }
  }

  function heartbeat(): void {
    later(HEARTBEAT_MS, () => {
      world.send('all', { type: 'heartbeat' })
      heartbeat()
    })
  }

  const coordinator: VirtualCoordinator = {
    get state() {
      return state
    },
    get isUp() {
      return isUp
    },
    journal,
    counted,
    feed,
    crashAt: () => null,
    start: () => {
      generation += 1
      isUp = true
      state = replayed()
      for (const effect of pendingEffects(state)) perform(effect)
      feed(startedAfter(state.coinsPublished))
      heartbeat()
    },
    ask: (peer, request, settle) => {
      requestCount += 1
      const requestId = requestCount
      replies.set(requestId, settle)
      feed({ type: 'request', peer, requestId, request, genuine: true, ...drawFor(request) })
    },
    restart: (downMs) => {
      expect(snapshot(replayed()), 'the journal says it all').toEqual(snapshot(state))
      isUp = false
      generation += 1
      replies.clear()
      world.onDown()
      clock.later(downMs, coordinator.start)
    },
  }
  return coordinator
}
