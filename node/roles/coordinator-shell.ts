/**
 * The coordinator's shell: one way round. Whatever happens becomes an event; the state machine
 * decides; what it accepted goes into the journal; only when that is durable are the effects
 * performed. A process killed anywhere restarts from the journal into the same round.
 */

import {
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorEventOf,
  type CoordinatorState,
  coinKeyOf,
  drawOf,
  nextDeadline,
  type Outcome,
  pendingEffects,
  step,
} from '../../coordinator/index.ts'
import { digestOf, encode, type PeerId, type Reply, type Request } from '../../protocol/index.ts'
import type { Clock, Unstamped } from '../clock.ts'
import { NetworkError } from '../network/errors.ts'
import type { Journal } from '../storage/journal.ts'
import { journalled } from './journalled-request.ts'
import type { Order } from './orders.ts'

export interface CoordinatorComponents {
  state: CoordinatorState
  journal: Journal
  clock: Clock
  /** What the keys are made of that audits are drawn with. */
  coinSecret: Uint8Array
  /** Does what an effect says; outcomes come back through `feed`. Replies are settled here. */
  perform(effect: Exclude<CoordinatorEffect, { type: 'reply' }>): void
  /**
   * Sees each event with its effects as soon as it is decided, while the state is as it left it;
   * `seq` is the newest entry of the journal after it. What is returned is called once the event is
   * durable, to tell of it.
   */
  observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[], seq: number): () => void
  /** The journal failed: nothing more may be promised. */
  onFatal(error: Error): void
}

type Coming = Pick<CoordinatorEventOf<'request'>, 'origin' | 'block' | 'invite'>

export type NewEvent = Unstamped<CoordinatorEvent>

export interface CoordinatorShell {
  start(): void
  feed(event: NewEvent): void
  /** Feeds what the organiser decides, and resolves with what came of it, once it is durable. */
  order(order: Order): Promise<Outcome>
  /**
   * Feeds a peer's request and resolves with the reply, once it is durable.
   * @param genuine whether a join's token and a commit's signature are right
   * @param coming where one that joins comes from, as far as it is known, and by which invite
   */
  ask(peer: PeerId, request: Request, genuine: boolean, coming?: Coming): Promise<Reply>
  stop(): void
}

/** Longest delay that setTimeout takes. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Nobody's fault, so it is neither logged nor counted against whoever asked. */
const shuttingDown = () => new NetworkError('lost', 'The coordinator is shutting down')

export function createCoordinatorShell(components: CoordinatorComponents): CoordinatorShell {
  const { state, journal, clock, coinSecret } = components
  const ordered = new Map<CoordinatorEvent, PromiseWithResolvers<Outcome>>()
  const asked = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>()
  let inbox: CoordinatorEvent[] = []
  let scheduled: NodeJS.Immediate | null = null
  let timer: NodeJS.Timeout | null = null
  let lastRequestId = 0
  let stopped = false

  function feed(unstamped: NewEvent): void {
    if (!stopped) take(unstamped)
  }

  const coinKey = () => coinKeyOf(coinSecret, state.coinsPublished)

  function take(unstamped: NewEvent): CoordinatorEvent {
    const event = { ...unstamped, at: clock() } as CoordinatorEvent
    inbox.push(event)
    scheduled ??= setImmediate(flush)
    return event
  }

  /** All events that arrived in one turn share one transaction. */
  function flush(): void {
    scheduled = null
    const events = inbox
    inbox = []
    const outcomes: { event: CoordinatorEvent; outcome: Outcome; tell: () => void }[] = []
    const accepted: Uint8Array[] = []
    try {
      const { seq } = journal.head()
      for (const event of events) {
        const outcome = step(state, event)
        if (outcome.accepted) accepted.push(encode(event))
        const tell = components.observe(event, outcome.effects, seq + accepted.length)
        outcomes.push({ event, outcome, tell })
      }
      if (accepted.length > 0) journal.append(accepted)
    } catch (error) {
      fail(error as Error)
      return
    }
    for (const { event, outcome, tell } of outcomes) {
      tell()
      for (const effect of outcome.effects) perform(effect)
      ordered.get(event)?.resolve(outcome)
      ordered.delete(event)
    }
    setTimer()
  }

  function perform(effect: CoordinatorEffect): void {
    if (effect.type !== 'reply') return components.perform(effect)
    asked.get(effect.requestId)?.resolve(effect.reply)
    asked.delete(effect.requestId)
  }

  function setTimer(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const deadline = nextDeadline(state)
    if (deadline === null || stopped) return
    const delay = Math.min(TIMER_MS_MAX, Math.max(0, deadline - clock()))
    timer = setTimeout(() => feed({ type: 'tick' }), delay)
  }

  function fail(error: Error): void {
    stop(error)
    components.onFatal(error)
  }

  /** Whoever waits for an answer is not left waiting. */
  function stop(why: Error): void {
    stopped = true
    if (scheduled !== null) clearImmediate(scheduled)
    if (timer !== null) clearTimeout(timer)
    for (const waiting of [...asked.values(), ...ordered.values()]) waiting.reject(why)
  }

  return {
    start: () => {
      const owed = pendingEffects(state)
      // It comes before what follows from these, which may publish the key that it names.
      feed({ type: 'started', coinKey: digestOf(coinKey()) })
      owed.forEach(perform)
    },
    feed,
    order: (order) => {
      if (stopped) return Promise.reject(shuttingDown())
      const result = Promise.withResolvers<Outcome>()
      ordered.set(take(order), result)
      return result.promise
    },
    ask: (peer, request, genuine, coming) =>
      new Promise((resolve, reject) => {
        if (stopped) return reject(shuttingDown())
        lastRequestId += 1
        asked.set(lastRequestId, { resolve, reject })
        const known = journalled(request)
        const coin =
          request.type === 'commit' ? { draw: drawOf(coinKey(), request.contribution.leaseId) } : {}
        const said = { type: 'request', peer, requestId: lastRequestId, request: known } as const
        feed({ ...said, genuine, ...coming, ...coin })
      }),
    stop: () => stop(shuttingDown()),
  }
}
