/**
 * One volunteer's part in a run, without the world: connect, join, load, lease, train, commit,
 * upload, and again. Same contract as the coordinator's `step`, but nothing is journaled: what a
 * crash loses is leased again. Every event first changes what is known; then `advance` does
 * whatever has become possible.
 */
import { assertNever } from '../protocol/errors.ts'
import type { Notice, Refusal, Reply } from '../protocol/messages.ts'
import { earliest } from './deadlines.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEvent, ParticipantEventOf } from './event.ts'
import { log } from './outcome.ts'
import { exit } from './participant-effects.ts'
import {
  advanceHandIns,
  dropHandIn,
  handInDeadline,
  onCommitFailed,
  onCommitted,
  onDelivered,
  onUploadFailed,
} from './participant-hand-in.ts'
import {
  advanceLink,
  breakLink,
  linkDeadline,
  loseLink,
  onJoined,
  onWoke,
} from './participant-link.ts'
import {
  advanceLoading,
  loadingDeadline,
  onLoadFailed,
  onPrepared,
  onSetUp,
} from './participant-loading.ts'
import type { Asked, ParticipantState } from './participant-state.ts'
import {
  advanceLeaving,
  advancePause,
  onFinish,
  onGoodbye,
  onLeave,
  onPause,
  onResume,
} from './participant-wishes.ts'
import {
  advanceWork,
  askLater,
  followRound,
  loseWork,
  onLeased,
  onStepDone,
  onTrained,
  onTrainingFailed,
  onWait,
  stopWork,
  workDeadline,
} from './participant-work.ts'

export function participantStep(
  state: ParticipantState,
  event: ParticipantEvent,
): ParticipantEffect[] {
  if (state.hasExited) return []
  const effects = decide(state, event)
  effects.push(...advance(state, event.at))
  return effects
}

/** When to feed the next `tick`; null: nothing is due until something else happens. */
export function participantDeadline(state: ParticipantState): number | null {
  if (state.hasExited) return null
  return earliest(
    linkDeadline(state),
    loadingDeadline(state),
    workDeadline(state),
    handInDeadline(state),
    state.leaving?.by ?? null,
  )
}

function decide(state: ParticipantState, event: ParticipantEvent): ParticipantEffect[] {
  switch (event.type) {
    case 'started':
      state.reconnectAt = event.at
      return []
    case 'connected':
      return onConnected(state, event.at)
    case 'disconnected':
      return state.link === 'offline' ? [] : loseLink(state, event.at, event.reason)
    case 'reply':
      return onReply(state, event)
    case 'request-failed':
      return onRequestFailed(state, event)
    case 'notice':
      state.heardAt = event.at
      return onNotice(state, event.notice)
    case 'set-up':
      return onSetUp(state)
    case 'prepared':
      return onPrepared(state, event)
    case 'failed':
      return onLoadFailed(state, event)
    case 'step-done':
      return onStepDone(state, event)
    case 'trained':
      return onTrained(state, event)
    case 'training-failed':
      return onTrainingFailed(state, event)
    case 'uploaded':
      return onDelivered(state, event.leaseId)
    case 'upload-failed':
      return onUploadFailed(state, event)
    case 'pause':
      return onPause(state, event)
    case 'resume':
      return onResume(state, event.at)
    case 'finish':
      return onFinish(state, event)
    case 'leave':
      return onLeave(state, event)
    case 'woke':
      return onWoke(state, event.at)
    case 'tick':
      return []
    default:
      return assertNever(event)
  }
}

const PARTS = [
  advanceLink,
  advanceLoading,
  advanceHandIns,
  advanceWork,
  advancePause,
  advanceLeaving,
]

/** Does whatever has become possible or due. */
function advance(state: ParticipantState, at: number): ParticipantEffect[] {
  const effects: ParticipantEffect[] = []
  for (const part of PARTS) {
    if (state.hasExited) break
    for (const effect of part(state, at)) effects.push(effect)
  }
  return effects
}

function onConnected(state: ParticipantState, at: number): ParticipantEffect[] {
  state.link = 'connected'
  state.reconnectAt = null
  state.heardAt = at
  return []
}

function onReply(
  state: ParticipantState,
  { at, requestId, reply }: ParticipantEventOf<'reply'>,
): ParticipantEffect[] {
  const asked = state.asked.get(requestId)
  if (asked === undefined) return []
  state.asked.delete(requestId)
  state.heardAt = at
  if (reply.type === 'refused') return onRefused(state, at, asked, reply)
  return onAnswer(state, at, asked, reply)
}

function onAnswer(
  state: ParticipantState,
  at: number,
  asked: Asked,
  reply: Exclude<Reply, { type: 'refused' }>,
): ParticipantEffect[] {
  switch (reply.type) {
    case 'joined':
      return onJoined(state, reply)
    case 'leased': {
      const { type: _, ...lease } = reply
      return onLeased(state, at, lease)
    }
    case 'wait':
      return onWait(state, at, reply)
    case 'committed':
      return onCommitted(state, reply.leaseId)
    case 'goodbye':
      return onGoodbye(state, at, state.leaving?.reason ?? '')
    case 'go':
    case 'status':
      return [log('warn', `${reply.type} is no answer to ${asked.type}`)]
    default:
      return assertNever(reply)
  }
}

function onRefused(
  state: ParticipantState,
  at: number,
  asked: Asked,
  { refusal, reason }: { refusal: Refusal; reason: string },
): ParticipantEffect[] {
  switch (refusal) {
    case 'protocol-version':
      return exit(state, 'version', reason)
    case 'other-run':
    case 'bad-token':
    case 'banned':
    case 'malformed':
      return exit(state, 'refused', `${refusal}: ${reason}`)
    case 'run-finished':
      return exit(state, 'finished', reason)
    case 'run-full':
      return breakLink(state, at, reason)
    case 'not-joined':
      state.link = 'connected'
      return []
    default:
      if (asked.type === 'commit') return dropHandIn(state, asked.leaseId, refusal, reason)
      if (asked.type === 'leave') return onGoodbye(state, at, reason)
      // A lease on a round that is over: joining again tells where the run is.
      askLater(state, at)
      state.link = 'connected'
      return [log('info', `${asked.type} refused (${refusal}): ${reason}`)]
  }
}

function onRequestFailed(
  state: ParticipantState,
  { at, requestId, reason }: ParticipantEventOf<'request-failed'>,
): ParticipantEffect[] {
  const asked = state.asked.get(requestId)
  if (asked === undefined) return []
  state.asked.delete(requestId)
  switch (asked.type) {
    case 'join':
      return breakLink(state, at, reason)
    case 'lease':
      askLater(state, at)
      return [log('info', `asking for work failed: ${reason}`)]
    case 'commit':
      return onCommitFailed(state, at, asked.leaseId, reason)
    case 'leave':
      return onGoodbye(state, at, reason)
    default:
      return assertNever(asked)
  }
}

function onNotice(state: ParticipantState, notice: Notice): ParticipantEffect[] {
  switch (notice.type) {
    case 'round':
      state.askAt = null
      return followRound(state, notice.start)
    case 'closing':
      return state.work?.lease.round === notice.round ? stopWork(state) : []
    case 'revoked': {
      const { leaseId, reason } = notice
      return [...loseWork(state, leaseId, reason), ...dropHandIn(state, leaseId, 'revoked', reason)]
    }
    case 'counted':
      return onDelivered(state, notice.leaseId)
    case 'finished':
      return exit(state, 'finished', `after ${notice.round} rounds`)
    case 'heartbeat':
      return []
    default:
      return assertNever(notice)
  }
}
