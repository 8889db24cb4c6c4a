/**
 * One volunteer's part in a run, without the world: connect, join, load, lease, train, commit,
 * upload, and again. Same contract as the coordinator's `step`, but nothing is journaled: what a
 * crash loses is leased again. Every event first changes what is known; then `advance` does
 * whatever has become possible.
 */

import {
  assert,
  assertNever,
  earliest,
  log,
  type Notice,
  type Refusal,
  type Reply,
} from '../../protocol/index.ts'
import { exit } from './actions.ts'
import type { ParticipantEffect } from './effect.ts'
import type { ParticipantEvent, ParticipantEventOf } from './event.ts'
import {
  advanceHandIns,
  dropHandIn,
  handInDeadline,
  onCommitFailed,
  onCommitted,
  onDelivered,
  onUploadFailed,
} from './hand-in.ts'
import {
  advanceLink,
  breakLink,
  joinAgain,
  linkDeadline,
  loseLink,
  onJoined,
  onWoke,
  waitOutside,
} from './link.ts'
import { isLinkTransition } from './link-states.ts'
import { advanceLoading, loadingDeadline, onLoadFailed, onPrepared, onSetUp } from './loading.ts'
import {
  advanceLeaving,
  advancePause,
  onFinish,
  onGoodbye,
  onLeave,
  onPause,
  onResume,
} from './owner.ts'
import {
  advanceSideWork,
  loseSideWork,
  onAnswerFailed,
  onAudited,
  onAuditOffered,
  onScored,
  onScoreOffered,
  onSideWorkFailed,
  onSideWorkTaken,
  sideWorkDeadline,
} from './side-work.ts'
import type { Asked, ParticipantState } from './state.ts'
import {
  advanceWork,
  askLater,
  followRound,
  loseWork,
  onLeased,
  onStepDone,
  onTrained,
  onTrainingEmpty,
  onTrainingFailed,
  onWait,
  stopWork,
  workDeadline,
} from './work.ts'

export function step(state: ParticipantState, event: ParticipantEvent): ParticipantEffect[] {
  if (state.hasExited) return []
  const { link } = state
  const effects = decide(state, event)
  effects.push(...advance(state, event.at))
  assert(isLinkTransition(link, state.link), `a link does not go from ${link} to ${state.link}`)
  return effects
}

/** When to feed the next `tick`; null: nothing is due until something else happens. */
export function nextDeadline(state: ParticipantState): number | null {
  if (state.hasExited) return null
  return earliest(
    linkDeadline(state),
    loadingDeadline(state),
    workDeadline(state),
    sideWorkDeadline(state),
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
    case 'training-empty':
      return onTrainingEmpty(state, event)
    case 'training-failed':
      return onTrainingFailed(state, event)
    case 'audited':
      return onAudited(state, event)
    case 'scored':
      return onScored(state, event)
    case 'audit-failed':
    case 'scoring-failed':
      return onSideWorkFailed(state, event)
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
  advanceSideWork,
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
  if (!ANSWERS[asked.type].includes(reply.type)) {
    // Whoever answers so does not keep to the protocol: not to be asked again at once.
    return breakLink(state, at, `'${reply.type}' is no answer to '${asked.type}'`)
  }
  return onAnswer(state, at, reply)
}

/** What may be answered to each question, besides a refusal. */
const ANSWERS: Record<Asked['type'], readonly Reply['type'][]> = {
  join: ['joined'],
  lease: ['leased', 'audit', 'score', 'wait'],
  commit: ['committed'],
  audit: ['audited'],
  score: ['scored'],
  fail: ['released'],
  leave: ['goodbye'],
}

function onAnswer(
  state: ParticipantState,
  at: number,
  reply: Exclude<Reply, { type: 'refused' }>,
): ParticipantEffect[] {
  switch (reply.type) {
    case 'joined':
      return onJoined(state, reply)
    case 'leased': {
      const { type: _, ...lease } = reply
      return onLeased(state, at, lease)
    }
    case 'audit': {
      const { type: _, ...offer } = reply
      return onAuditOffered(state, offer)
    }
    case 'score': {
      const { type: _, ...offer } = reply
      return onScoreOffered(state, offer)
    }
    case 'audited':
    case 'scored':
      return onSideWorkTaken(state, reply.leaseId)
    case 'wait':
      return onWait(state, at, reply)
    case 'committed':
      return onCommitted(state, reply.leaseId)
    case 'goodbye':
      return onGoodbye(state, at, state.leaving?.reason ?? '')
    case 'released':
    // Those two answer nothing that is asked here.
    case 'go':
    case 'status':
      return []
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
    case 'not-allowed':
    case 'run-full':
    case 'too-often':
    case 'elsewhere':
      return waitOutside(state, at, reason)
    case 'not-joined':
      joinAgain(state, at)
      return []
    default:
      return onWorkRefused(state, at, asked, { refusal, reason })
  }
}

function onWorkRefused(
  state: ParticipantState,
  at: number,
  asked: Asked,
  { refusal, reason }: { refusal: Refusal; reason: string },
): ParticipantEffect[] {
  switch (asked.type) {
    case 'commit':
      return dropHandIn(state, asked.leaseId, refusal, reason)
    case 'audit':
    case 'score':
      return loseSideWork(state, asked.leaseId, reason)
    case 'leave':
      return onGoodbye(state, at, reason)
    case 'fail':
      // The lease was lost in the meantime, which is as well.
      return []
    case 'join':
      return breakLink(state, at, `${refusal}: ${reason}`)
    case 'lease':
      // Of a round that is over: joining again tells where the run is.
      askLater(state, at)
      joinAgain(state, at)
      return [log('info', `lease refused (${refusal}): ${reason}`)]
    default:
      return assertNever(asked)
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
    case 'fail':
      return []
    case 'commit':
      return onCommitFailed(state, at, asked.leaseId, reason)
    case 'audit':
    case 'score':
      return onAnswerFailed(state, at, asked.leaseId, reason)
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
      return [
        ...loseWork(state, leaseId, reason),
        ...loseSideWork(state, leaseId, reason),
        ...dropHandIn(state, leaseId, 'revoked', reason),
      ]
    }
    case 'counted':
      return onDelivered(state, notice.leaseId)
    case 'work':
      state.askAt = null
      return []
    case 'wrong': {
      const { leaseId, reason } = notice
      const what = `this machine computes wrong (lease ${leaseId}): ${reason}`
      return [log('warn', `${what}. Its memory may be failing, or it is clocked too high`)]
    }
    case 'finished':
      return exit(state, 'finished', `the run is finished: ${notice.reason}`)
    // Whoever dials keeps them.
    case 'addresses':
    case 'heartbeat':
      return []
    default:
      return assertNever(notice)
  }
}
