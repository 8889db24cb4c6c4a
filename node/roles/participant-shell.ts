/**
 * The participant's shell: events in, effects out. Nothing here is durable: what a volunteer loses
 * by a crash is the prefix it had not handed in, and the coordinator leases that again.
 */
import {
  type ParticipantEffect,
  type ParticipantEvent,
  type ParticipantState,
  nextDeadline as participantDeadline,
  step as participantStep,
} from '../../coordinator/participant/index.ts'
import type { Clock, Unstamped } from '../clock.ts'

export interface ParticipantComponents {
  state: ParticipantState
  clock: Clock
  perform(effect: ParticipantEffect): void
  onFatal(error: Error): void
}

export type NewParticipantEvent = Unstamped<ParticipantEvent>

export interface ParticipantShell {
  start(): void
  feed(event: NewParticipantEvent): void
  stop(): void
}

export function createParticipantShell(components: ParticipantComponents): ParticipantShell {
  const { state, clock } = components
  let timer: ReturnType<typeof setTimeout> | null = null
  let stopped = false

  function feed(event: NewParticipantEvent): void {
    if (stopped) return
    try {
      const effects = participantStep(state, { ...event, at: clock() } as ParticipantEvent)
      for (const effect of effects) components.perform(effect)
    } catch (error) {
      stop()
      components.onFatal(error as Error)
      return
    }
    setTimer()
  }

  function setTimer(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const deadline = participantDeadline(state)
    if (deadline === null || stopped) return
    timer = setTimeout(() => feed({ type: 'tick' }), Math.max(0, deadline - clock()))
  }

  function stop(): void {
    stopped = true
    if (timer !== null) clearTimeout(timer)
  }

  return { start: () => feed({ type: 'started' }), feed, stop }
}
