/**
 * The coordinator's shell: one way round. Whatever happens becomes an event; the state machine
 * decides; what it accepted goes into the journal; only when that is durable are the effects
 * performed. A process killed anywhere restarts from the journal into the same round.
 */

import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { pendingEffects } from '../../coordinator/pending.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { nextDeadline, step } from '../../coordinator/step.ts'
import { encode } from '../../protocol/codec.ts'
import type { PeerId, Reply, Request } from '../../protocol/messages.ts'
import type { Clock } from '../clock.ts'
import type { Journal } from '../storage/journal.ts'

export interface CoordinatorComponents {
  state: CoordinatorState
  journal: Journal
  clock: Clock
  /** Does what an effect says; outcomes come back through `feed`. Replies are settled here. */
  perform(effect: Exclude<CoordinatorEffect, { type: 'reply' }>): void
  /**
   * Sees each event with its effects once it is durable, for the live view; `seq` is the newest
   * entry of the journal after it.
   */
  observe(event: CoordinatorEvent, effects: readonly CoordinatorEffect[], seq: number): void
  /** The journal failed: nothing more may be promised. */
  onFatal(error: Error): void
}

type Unstamped<E> = E extends { at: number } ? Omit<E, 'at'> : never
export type NewEvent = Unstamped<CoordinatorEvent>

export interface CoordinatorShell {
  start(): void
  feed(event: NewEvent): void
  /** Feeds a peer's request and resolves with the reply, once it is durable. */
  ask(peer: PeerId, request: Request, signatureValid: boolean): Promise<Reply>
  stop(): void
}

/** Longest delay that setTimeout takes. */
const TIMER_MS_MAX = 2 ** 31 - 1

export function createCoordinatorShell(components: CoordinatorComponents): CoordinatorShell {
  const { state, journal, clock } = components
  const asked = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>()
  let inbox: CoordinatorEvent[] = []
  let scheduled: NodeJS.Immediate | null = null
  let timer: NodeJS.Timeout | null = null
  let lastRequestId = 0
  let stopped = false

  function feed(event: NewEvent): void {
    if (stopped) return
    inbox.push({ ...event, at: clock() } as CoordinatorEvent)
    scheduled ??= setImmediate(flush)
  }

  /** All events that arrived in one turn share one transaction. */
  function flush(): void {
    scheduled = null
    const events = inbox
    inbox = []
    const outcomes: { event: CoordinatorEvent; effects: CoordinatorEffect[]; seq: number }[] = []
    const accepted: Uint8Array[] = []
    try {
      const { seq } = journal.head()
      for (const event of events) {
        const outcome = step(state, event)
        if (outcome.accepted) accepted.push(encode(event))
        outcomes.push({ event, effects: outcome.effects, seq: seq + accepted.length })
      }
      if (accepted.length > 0) journal.append(accepted)
    } catch (error) {
      fail(error as Error)
      return
    }
    for (const { event, effects, seq } of outcomes) {
      components.observe(event, effects, seq)
      for (const effect of effects) perform(effect)
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
    stop()
    for (const waiting of asked.values()) waiting.reject(error)
    components.onFatal(error)
  }

  function stop(): void {
    stopped = true
    if (scheduled !== null) clearImmediate(scheduled)
    if (timer !== null) clearTimeout(timer)
  }

  return {
    start: () => {
      for (const effect of pendingEffects(state)) perform(effect)
      feed({ type: 'started' })
    },
    feed,
    ask: (peer, request, signatureValid) =>
      new Promise((resolve, reject) => {
        if (stopped) return reject(new Error('The coordinator is shutting down'))
        lastRequestId += 1
        asked.set(lastRequestId, { resolve, reject })
        feed({ type: 'request', peer, requestId: lastRequestId, request, signatureValid })
      }),
    stop,
  }
}
