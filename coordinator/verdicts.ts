/**
 * What an answer says. Equal means equal: every link, and where all was repeated the payload and
 * the weight. Where they differ, both chains are known in full, so the first link that differs is
 * known at once; the coordinator repeats up to it, and whoever has another link than it has erred.
 * Now and then it repeats equal answers too: an auditor that copies from whom it covers for is
 * found by that.
 */
import {
  counted,
  type LeaseId,
  log,
  type PeerId,
  type RequestOf,
  reasonOf,
} from '../protocol/index.ts'
import type { Audit, AuditResult } from './audit.ts'
import {
  beginOwn,
  firstDifference,
  mayAuditItself,
  putOff,
  releaseAuditor,
  takeOn,
} from './auditors.ts'
import { giveBackAudit, lapseAll } from './audits.ts'
import { coinOf } from './draws.ts'
import type { CoordinatorEffect } from './effect.ts'
import type { CoordinatorEventOf } from './event.ts'
import { ban, strike } from './fault-detector.ts'
import {
  answer,
  changed,
  notify,
  type Outcome,
  type Refused,
  type RequestEvent,
  refuse,
  unchanged,
} from './outcome.ts'
import { noteError, noteVerified, recordOf, verifiedBefore } from './record.ts'
import { doubtPace, memberHere } from './roster.ts'
import { forgetAnswersOf, freePieceOf } from './score-pieces.ts'
import type { CoordinatorState } from './state.ts'
import { takeBack } from './take-back.ts'
import { endTrial } from './trial.ts'

/** One answer in so many that are equal is repeated by the coordinator all the same. */
const CANARY_SHARE = 1 / 128

export function onAuditAnswer(
  state: CoordinatorState,
  event: RequestEvent,
  { answer: given }: RequestOf<'audit'>,
): Outcome {
  const { peer, at, genuine } = event
  if (memberHere(state, peer) === null) return unchanged(refuse(event, 'not-joined', 'join first'))
  if (!genuine) {
    const reason = `the signature is not ${peer}'s`
    return changed(refuse(event, 'bad-signature', reason), ...strike(state, peer, reason))
  }
  const audit = state.audits.get(given.leaseId)
  const refused = refusalOf(state, peer, given, audit)
  if (refused !== null) return unchanged(refuse(event, ...refused))
  const { trace, payload, tokens } = given
  const audited = answer(event, { type: 'audited', leaseId: given.leaseId })
  return changed(audited, ...hearAnswer(state, audit!, { trace, payload, tokens }, at))
}

function refusalOf(
  state: CoordinatorState,
  peer: PeerId,
  { runId, peer: signer, leaseId, trace, payload, tokens }: RequestOf<'audit'>['answer'],
  audit: Audit | undefined,
): Refused | null {
  if (runId !== state.runId) return ['other-run', `this is run ${state.runId}`]
  if (signer !== peer) return ['other-peer', `this is the answer of ${signer}`]
  if (audit === undefined) {
    return leaseId < state.nextLeaseId
      ? ['lease-expired', `audit ${leaseId} is over`]
      : ['unknown-lease', `there is no audit ${leaseId}`]
  }
  if (audit.auditor !== peer || audit.stage !== 'out') {
    return ['other-peer', `audit ${leaseId} is not yours`]
  }
  const isWhole = payload !== null && tokens !== null
  const isPart = payload === null && tokens === null
  if (trace.length !== audit.steps || !(audit.kind === 'full' ? isWhole : isPart)) {
    const done = `${counted(trace.length, 'link')} with${payload === null ? 'out' : ''} a payload`
    const wanted = `a ${audit.kind} audit of ${counted(audit.steps, 'step')}`
    return ['wrong-batches', `${wanted} does not have ${done}`]
  }
  return null
}

function hearAnswer(
  state: CoordinatorState,
  audit: Audit,
  result: AuditResult,
  at: number,
): CoordinatorEffect[] {
  const auditor = audit.auditor!
  const record = recordOf(state, auditor)
  record.works += 1
  record.auditedSteps += audit.steps
  releaseAuditor(state, auditor, audit.auditId)
  const isSame = isEqual(audit, result)
  const isCanary = coinOf(audit.draw, 3) < CANARY_SHARE && mayAuditItself(state, at)
  if (isSame && !isCanary) return passAudit(state, audit)
  audit.answer = result
  audit.stage = isSame ? 'canary' : 'disputed'
  return takeOn(state, audit, at)
}

/** What was claimed, as far as it was repeated. */
function isEqual({ trace, payload, tokens }: AuditResult, result: AuditResult): boolean {
  const hasSameLinks = firstDifference(trace, result.trace) === result.trace.length
  const isWhole = result.payload !== null
  return hasSameLinks && (!isWhole || (payload === result.payload && tokens === result.tokens))
}

/** The coordinator has repeated the steps itself. */
export function onAudited(
  state: CoordinatorState,
  { at, auditId, result }: CoordinatorEventOf<'audited'>,
): Outcome {
  const { own } = state
  const audit = state.audits.get(auditId)
  if (audit === undefined || own.queue[0] !== auditId) return unchanged()
  own.queue.shift()
  own.spentMs += at - own.begunAt!
  const effects = beginOwn(state, at)
  if (result === null) {
    // Not at once: what it cannot repeat now it could not repeat a moment later.
    putOff(state, audit, at)
    return changed(...effects)
  }
  return changed(...effects, ...judge(state, audit, result, at))
}

/** What the coordinator got is right; nobody else has to be believed. */
function judge(
  state: CoordinatorState,
  audit: Audit,
  result: AuditResult,
  at: number,
): CoordinatorEffect[] {
  const { stage, auditor } = audit
  const effects: CoordinatorEffect[] = []
  if (auditor !== null && !isEqual(audit.answer!, result)) {
    effects.push(...err(state, auditor, audit.leaseId, stage === 'canary'))
  }
  if (!isEqual(audit, result)) return [...effects, ...failAudit(state, audit)]
  // What comes after the link in dispute has still to be repeated by somebody that is right.
  if (stage === 'disputed') return [...effects, ...giveBackAudit(state, audit, at)]
  return [...effects, ...passAudit(state, audit)]
}

function passAudit(state: CoordinatorState, audit: Audit): CoordinatorEffect[] {
  const { auditId, leaseId, peer, kind, cause, auditor } = audit
  const { auditCounts, audits } = state
  audits.delete(auditId)
  auditCounts[kind === 'full' ? 'fulls' : 'looks'] += 1
  const record = recordOf(state, peer)
  record.partner = auditor
  if (kind === 'look') return []
  noteVerified(record, leaseId)
  if (cause === 'contrary') record.contraryInARow += 1
  return endTrial(state, leaseId)
}

/** Its work was wrong: it is taken back, all that nobody has found right. */
function failAudit(state: CoordinatorState, audit: Audit): CoordinatorEffect[] {
  const { auditId, leaseId, peer } = audit
  state.audits.delete(auditId)
  return [...takeBackUnverified(state, peer, leaseId), ...err(state, peer, leaseId, false)]
}

/**
 * What it has done since it was last found right before this lease, but for what was found right. A
 * lease that it still works on is its own.
 */
export function takeBackUnverified(
  state: CoordinatorState,
  peer: PeerId,
  leaseId: LeaseId,
): CoordinatorEffect[] {
  const record = recordOf(state, peer)
  const before = verifiedBefore(record, leaseId)
  const right = new Set(record.verified)
  const isUnverified = (of: { leaseId: LeaseId; peer: PeerId }): boolean =>
    of.peer === peer &&
    of.leaseId > before &&
    !right.has(of.leaseId) &&
    state.leases.get(of.leaseId)?.stage !== 'leased'
  // Whether it was right matters to nobody any more.
  const moot = [...state.audits.values()].filter(isUnverified)
  const lapsed = lapseAll(state, moot, 'it counts no more')
  return [...takeBack(state, isUnverified, 'others get another result'), ...lapsed]
}

/**
 * Somebody computed something else than the coordinator. Once, memory may have failed, and it is
 * told; again soon, or in work whose answer was known, it is no accident.
 */
export function err(
  state: CoordinatorState,
  peer: PeerId,
  leaseId: LeaseId,
  isCertain: boolean,
): CoordinatorEffect[] {
  state.auditCounts.mismatches += 1
  const isAgain = noteError(recordOf(state, peer))
  doubtPace(state, peer)
  const member = state.members.get(peer)
  if (member !== undefined) freePieceOf(state, member)
  forgetAnswersOf(state, peer)
  const name = member?.name ?? peer
  const reason = `others get another result for lease ${leaseId}`
  const effects: CoordinatorEffect[] = [log('warn', reasonOf(`${name} erred: ${reason}`))]
  if (memberHere(state, peer) !== null)
    effects.push(notify(peer, { type: 'wrong', leaseId, reason }))
  if (isAgain || isCertain) effects.push(...ban(state, peer, reason))
  return effects
}
