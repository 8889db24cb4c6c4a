/**
 * Who repeats somebody's work. Among friends, any other member that is here. Among strangers
 * nobody of the same block of addresses, nor by the same invite where anybody is here by another
 * way, nor whoever did it last, and a proven one where the draw meets any; where a block is not
 * known, nobody but a proven one: who would cover for another cannot bring itself there. Where
 * nobody is to be had, the coordinator does it, within its share of the time.
 */
import type { LeaseId, PeerId } from '../protocol/index.ts'
import type { Audit } from './audit.ts'
import { pushDeadline } from './deadlines.ts'
import { attemptCoin, choicesOf } from './draws.ts'
import type { CoordinatorEffect } from './effect.ts'
import { speedOf } from './lease-size.ts'
import { notify } from './outcome.ts'
import { isProven, PROVEN_MIN } from './record.ts'
import type { CoordinatorState, Member, PeerRecord } from './state.ts'

/** Audits that may wait for one member. */
const WAITING_MAX = 2
/** Somebody is looked for again after this share of a box. */
const REDRAW_SHARE = 1 / 8

/** Whoever is drawn by speed counts as so many times the median at most. */
const LEAD_MAX = 4

/** Draws an auditor for an audit that has none. */
export function assignAudit(
  state: CoordinatorState,
  audit: Audit,
  at: number,
): CoordinatorEffect[] {
  const { seconds, graceSeconds } = state.config.round
  audit.attempts += 1
  const auditor = drawAuditor(state, audit)
  if (auditor !== null) {
    audit.stage = 'assigned'
    audit.auditor = auditor.peer
    auditor.audits.push(audit.auditId)
    const isFree = auditor.leaseId === null
    // Whoever has nothing to do asks at once.
    setDeadline(state, audit, at + (isFree ? graceSeconds : seconds + graceSeconds) * 1000)
    return isFree ? [notify(auditor.peer, { type: 'work' })] : []
  }
  if (mayAuditItself(state, at)) return takeOn(state, audit, at)
  putOff(state, audit, at)
  return []
}

/** Nobody has it, and somebody is looked for again later. */
export function putOff(state: CoordinatorState, audit: Audit, at: number): void {
  releaseAuditor(state, audit.auditor, audit.auditId)
  audit.stage = 'open'
  audit.auditor = null
  audit.answer = null
  setDeadline(state, audit, at + state.config.round.seconds * 1000 * REDRAW_SHARE)
}

function drawAuditor(state: CoordinatorState, audit: Audit): Member | null {
  const { here } = state.derived
  const choices = choicesOf(audit.draw, audit.attempts, here.length)
  const drawn = choices
    .map((place) => state.members.get(here[place]!)!)
    .filter((member) => here.length > 0 && mayAudit(state, audit, member))
  if (state.config.audit.trust === 'friends') {
    return bySpeed(drawn, attemptCoin(audit.draw, audit.attempts))
  }
  return drawn.find(({ peer }) => isProven(state, peer)) ?? drawn[0] ?? null
}

/**
 * One of them, a fast one more often: whoever does more of the work audits more of it, so that an
 * audit takes no longer than what it is about. Whoever was never found right is the slowest, and
 * nobody comes before many others by its speed.
 */
function bySpeed(drawn: readonly Member[], coin: number): Member | null {
  const known = drawn.map(({ paceMs }) => (paceMs === null ? 1 : speedOf(paceMs)))
  const middle = known.toSorted((a, b) => a - b)[known.length >> 1] ?? 1
  const speeds = known.map((speed) => Math.min(speed, LEAD_MAX * middle))
  let left = coin * speeds.reduce((sum, speed) => sum + speed, 0)
  for (const [place, member] of drawn.entries()) {
    left -= speeds[place]!
    if (left < 0) return member
  }
  return drawn.at(-1) ?? null
}

function mayAudit(state: CoordinatorState, audit: Audit, member: Member): boolean {
  return member.audits.length < WAITING_MAX && mayCheck(state, audit, member)
}

/** Whether a member would not cover for whoever did the work. */
export function mayCheck(
  state: CoordinatorState,
  { peer, block }: Pick<Audit, 'peer' | 'block'>,
  member: Member,
): boolean {
  const { config, records } = state
  if (member.peer === peer) return false
  if (isDoubtful(records.get(member.peer))) return false
  if (config.audit.trust !== 'strangers') return true
  const isFar =
    block === null || member.block === null ? isProven(state, member.peer) : block !== member.block
  return isFar && !isInvitedAlike(state, peer, member) && records.get(peer)?.partner !== member.peer
}

/** Both came by one invite, which its holders may have given to their friends; others did not. */
function isInvitedAlike(
  { records, members, derived }: CoordinatorState,
  peer: PeerId,
  { invite }: Member,
): boolean {
  if (invite === null || records.get(peer)?.invite !== invite) return false
  return derived.invites.get(invite)!.size < members.size
}

/** Whoever erred judges nobody before it is proven again. */
function isDoubtful(record: PeerRecord | undefined): boolean {
  return record !== undefined && record.erredAt !== null && record.verifiedInARow < PROVEN_MIN
}

/** It has nothing to repeat already, and has spent no more than its share of the time so far. */
export function mayAuditItself({ own, config }: CoordinatorState, at: number): boolean {
  const elapsedMs = at - (own.sinceAt ?? at)
  return own.queue.length === 0 && own.spentMs <= config.audit.ownShare * elapsedMs
}

/** The coordinator repeats it by itself, the first in its queue at once. */
export function takeOn(state: CoordinatorState, audit: Audit, at: number): CoordinatorEffect[] {
  const { own } = state
  if (audit.stage !== 'disputed' && audit.stage !== 'canary') audit.stage = 'own'
  audit.deadlineAt = null
  own.queue.push(audit.auditId)
  return own.queue.length === 1 ? beginOwn(state, at) : []
}

/** The next in the queue, or nothing. */
export function beginOwn(state: CoordinatorState, at: number): CoordinatorEffect[] {
  const { own } = state
  own.begunAt = own.queue.length === 0 ? null : at
  return pendingOwnAudit(state)
}

/** What the coordinator works on: asked for again when its process has started anew. */
export function pendingOwnAudit({ own, audits }: CoordinatorState): CoordinatorEffect[] {
  const [first] = own.queue
  if (first === undefined) return []
  const audit = audits.get(first)!
  const { auditId, leaseId, peer, start, firstBatch } = audit
  const { steps, kind } = ownWork(audit)
  return [{ type: 'audit', job: { auditId, leaseId, peer, start, firstBatch, steps, kind } }]
}

/** A dispute is about the first link that differs, and nothing after it. */
function ownWork({ stage, answer, trace, steps, kind }: Audit): Pick<Audit, 'steps' | 'kind'> {
  if (stage !== 'disputed') return { steps, kind }
  const differing = firstDifference(trace, answer!.trace)
  return differing < steps ? { steps: differing + 1, kind: 'look' } : { steps, kind: 'full' }
}

/** The place of the first link that differs; the length of the shorter one if none does. */
export function firstDifference(a: readonly string[], b: readonly string[]): number {
  const length = Math.min(a.length, b.length)
  for (let place = 0; place < length; place++) if (a[place] !== b[place]) return place
  return length
}

export function setDeadline(state: CoordinatorState, audit: Audit, at: number): void {
  audit.deadlineAt = at
  pushDeadline(state.derived.auditDeadlines, { at, key: audit.auditId })
}

/** Nobody works on it any more; somebody is drawn as soon as time passes. */
export function freeAudit(state: CoordinatorState, auditId: LeaseId, at: number): void {
  const audit = state.audits.get(auditId)!
  audit.stage = 'open'
  audit.auditor = null
  setDeadline(state, audit, at)
}

/** The member has no more to do with an audit. */
export function releaseAuditor(
  state: CoordinatorState,
  peer: PeerId | null,
  auditId: LeaseId,
): void {
  const member = peer === null ? undefined : state.members.get(peer)
  if (member === undefined) return
  member.audits = member.audits.filter((id) => id !== auditId)
  if (member.auditing === auditId) member.auditing = null
}
