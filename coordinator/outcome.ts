/**
 * What a step comes to. Accepted: the state has changed and the event belongs in the journal. Not
 * accepted: nothing has changed; the effects (a refusal, a `wait`, a status) are performed all the
 * same.
 */
import { type Notice, type PeerId, type Refusal, type Reply, reasonOf } from '../protocol/index.ts'
import type { CoordinatorEffect } from './effect.ts'
import { endedBy } from './ending.ts'
import type { CoordinatorEventOf } from './event.ts'
import type { CoordinatorState } from './state.ts'

export interface Outcome {
  accepted: boolean
  effects: CoordinatorEffect[]
}

/** A refusal to be, with the words for it. */
export type Refused = readonly [Refusal, string]

export function runFinished(state: CoordinatorState): Refused {
  return ['run-finished', `the run is finished: ${endedBy(state)}`]
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
