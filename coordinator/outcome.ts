/**
 * What a step comes to. Accepted: the state has changed and the event belongs in the journal. Not
 * accepted: nothing has changed; the effects (a refusal, a `wait`, a status) are performed all the
 * same.
 */
import { REASON_LENGTH_MAX } from '../protocol/limits.ts'
import type { Notice, PeerId, Refusal, Reply } from '../protocol/messages.ts'
import type { CoordinatorEffect, LogEffect } from './effect.ts'
import type { CoordinatorEventOf } from './event.ts'

export interface Outcome {
  accepted: boolean
  effects: CoordinatorEffect[]
}

export type RequestEvent = CoordinatorEventOf<'request'>

export function changed(...effects: CoordinatorEffect[]): Outcome {
  return { accepted: true, effects }
}

export function unchanged(...effects: CoordinatorEffect[]): Outcome {
  return { accepted: false, effects }
}

export function answer({ peer, requestId }: RequestEvent, reply: Reply): CoordinatorEffect {
  return { type: 'reply', peer, requestId, reply }
}

export function refuse(event: RequestEvent, refusal: Refusal, reason: string): CoordinatorEffect {
  return answer(event, { type: 'refused', refusal, reason: reasonOf(reason) })
}

export function notify(to: PeerId | 'all', notice: Notice): CoordinatorEffect {
  return { type: 'notify', to, notice }
}

export function log(level: LogEffect['level'], text: string): LogEffect {
  return { type: 'log', level, text }
}

/** As people count rounds: from 1. */
export const roundName = (round: number): string => `round ${round + 1}`

/** A text as messages carry it: one line, well-formed, not too long. */
export function reasonOf(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, REASON_LENGTH_MAX)
    .toWellFormed()
}
