/**
 * Audits from the commit that they are about to the answer: drawn when the work is committed, so
 * that nobody can foresee it; given to their auditor as work between two leases, in the same round
 * or in one of the next; drawn again where the auditor vanishes.
 */
import { type Digest, type LeaseId, log, roundName, traceStart } from '../protocol/index.ts'
import type { Audit } from './audit.ts'
import {
  assignAudit,
  beginOwn,
  freeAudit,
  putOff,
  releaseAuditor,
  setDeadline,
} from './auditors.ts'
import { peekDeadline } from './deadlines.ts'
import { attemptCoin, coinOf, drawOnceMore } from './draws.ts'
import type { CoordinatorEffect } from './effect.ts'
import { answer, changed, notify, type Outcome, type RequestEvent, unchanged } from './outcome.ts'
import { contraryRateOf, fullRateOf } from './record.ts'
import { doubtPace, failToDeliver } from './roster.ts'
import type { CoordinatorState, HeldLease, Member } from './state.ts'

/** One look in so many goes on from the first step to the last. */
const LONG_LOOKS = 128
/** What weighs more than this share of the round is looked at in any case, among strangers. */
const HEAVY_SHARE = 0.02
/** Audits at a time; beyond, the oldest lapses. */
export const AUDITS_MAX = 65_536
/** Nobody is asked any more to repeat work of so many rounds ago. */
const ROUNDS_BACK_MAX = 3
const TOO_OLD = 'it is too old'
/** An auditor may take this many times as long as expected. */
const PATIENCE = 3

type Extent = Pick<Audit, 'kind' | 'steps'>

/** Draws whether the work that was just committed is done again; if so, by whom. */
export function drawAudit(
  state: CoordinatorState,
  held: HeldLease,
  draw: Digest,
  at: number,
): CoordinatorEffect[] {
  const extent = extentOf(state, held, draw)
  return extent === null ? [] : open(state, held, { ...extent, draw, cause: 'coin' }, at)
}

/**
 * Has all of these contributions repeated, whatever their coins said, but for what was found right
 * or is being repeated in full.
 */
export function repeatInFull(
  state: CoordinatorState,
  leases: readonly HeldLease[],
  cause: Exclude<Audit['cause'], 'coin'>,
  at: number,
): CoordinatorEffect[] {
  if (leases.length === 0 || state.config.audit.trust === 'everyone') return []
  const isFull = ({ kind }: Audit) => kind === 'full'
  const underWay = new Set([...state.audits.values()].filter(isFull).map((each) => each.leaseId))
  const left = leases.filter(({ leaseId, isVerified }) => !isVerified && !underWay.has(leaseId))
  return left.flatMap((held) => {
    const draw = drawOnceMore(held.commitment!.draw, cause)
    return open(state, held, { kind: 'full', steps: held.steps, draw, cause }, at)
  })
}

/** Contributions that point against all the others; of those who were right so far, some. */
export function repeatContrary(
  state: CoordinatorState,
  contrary: readonly LeaseId[],
  at: number,
): CoordinatorEffect[] {
  const held = contrary.flatMap((leaseId) => state.leases.get(leaseId) ?? [])
  const drawn = held.filter(
    ({ peer, commitment }) => attemptCoin(commitment!.draw, 0) < contraryRateOf(state, peer),
  )
  return repeatInFull(state, drawn, 'contrary', at)
}

function open(
  state: CoordinatorState,
  held: HeldLease,
  what: Pick<Audit, 'kind' | 'steps' | 'draw' | 'cause'>,
  at: number,
): CoordinatorEffect[] {
  const { leaseId, peer, firstBatch, commitment } = held
  const audit: Audit = {
    auditId: state.nextLeaseId,
    leaseId,
    peer,
    block: state.members.get(peer)?.block ?? null,
    start: state.round.start,
    firstBatch,
    trace: commitment!.trace,
    payload: commitment!.payload.digest,
    tokens: commitment!.tokens,
    ...what,
    attempts: 0,
    stage: 'open',
    auditor: null,
    deadlineAt: null,
    answer: null,
  }
  state.nextLeaseId += 1
  state.audits.set(audit.auditId, audit)
  return [...assignAudit(state, audit, at), ...lapseBeyond(state)]
}

/** What the draw says to repeat; null: nothing. */
function extentOf(state: CoordinatorState, held: HeldLease, draw: Digest): Extent | null {
  const { trust, lookShare } = state.config.audit
  const { peer, steps } = held
  if (trust === 'everyone') return null
  if (coinOf(draw, 0) < fullRateOf(state, peer)) return { kind: 'full', steps }
  const isHeavy = trust === 'strangers' && steps > HEAVY_SHARE * state.round.expected
  if (!isHeavy && coinOf(draw, 1) >= lookShare) return null
  return { kind: 'look', steps: lookSteps(coinOf(draw, 2), steps) }
}

/** Mostly one, as a lie is mostly in all of them; now and then all, as it may be in the last. */
function lookSteps(coin: number, steps: number): number {
  return coin < 1 / LONG_LOOKS ? steps : 1
}

function lapseBeyond(state: CoordinatorState): CoordinatorEffect[] {
  if (state.audits.size <= AUDITS_MAX) return []
  for (const audit of state.audits.values()) {
    if (audit.deadlineAt !== null) return lapse(state, audit, TOO_OLD)
  }
  return []
}

/** The audit that waits for this member, if there is one; asked again, the same once more. */
export function offerAudit(
  state: CoordinatorState,
  event: RequestEvent,
  member: Member,
): Outcome | null {
  const auditId = member.auditing ?? member.audits[0]
  if (auditId === undefined) return null
  const audit = state.audits.get(auditId)!
  const isNew = member.auditing === null
  if (isNew) {
    member.auditing = auditId
    audit.stage = 'out'
    setDeadline(state, audit, event.at + patienceMs(state, audit, member))
  }
  const offer = answer(event, auditReply(state, audit, event.at))
  return isNew ? changed(offer) : unchanged(offer)
}

/** Somebody else's base may have to be fetched for it first. */
function patienceMs({ config }: CoordinatorState, { steps }: Audit, { stepMs }: Member): number {
  const { seconds, graceSeconds } = config.round
  const boxMs = seconds * 1000
  const expectedMs = stepMs === null ? boxMs : PATIENCE * steps * stepMs
  return Math.min(expectedMs, ROUNDS_BACK_MAX * boxMs) + graceSeconds * 1000
}

function auditReply(
  { runId }: CoordinatorState,
  { auditId, leaseId, peer, start, firstBatch, kind, steps, deadlineAt }: Audit,
  at: number,
) {
  return {
    type: 'audit',
    leaseId: auditId,
    start,
    firstBatch,
    kind,
    steps,
    seed: traceStart({ runId, round: start.round, leaseId, peer, base: start.base }),
    deadlineMs: Math.max(0, Math.ceil(deadlineAt! - at)),
  } as const
}

export function nextAuditDeadline(state: CoordinatorState): { at: number; key: LeaseId } | null {
  return peekDeadline(
    state.derived.auditDeadlines,
    ({ at, key }) => state.audits.get(key)?.deadlineAt === at,
  )
}

/** Draws again for audits that nobody took, or whose auditor is overdue. */
export function redrawAudits(state: CoordinatorState, now: number): CoordinatorEffect[] {
  const effects: CoordinatorEffect[] = []
  for (;;) {
    const deadline = nextAuditDeadline(state)
    if (deadline === null || deadline.at > now) return effects
    const audit = state.audits.get(deadline.key)!
    if (audit.stage === 'out') effects.push(...blameAuditor(state, audit))
    else if (isIgnored(state, audit)) doubtPace(state, audit.auditor!)
    releaseAuditor(state, audit.auditor, audit.auditId)
    audit.auditor = null
    effects.push(...assignAudit(state, audit, now))
  }
}

/** Its auditor is here and free, and does not come for it: others are drawn before it now. */
function isIgnored({ members }: CoordinatorState, { stage, auditor }: Audit): boolean {
  const member = stage === 'assigned' ? members.get(auditor!) : undefined
  return member !== undefined && member.awayUntil === null && member.leaseId === null
}

function blameAuditor(state: CoordinatorState, { auditor, auditId }: Audit): CoordinatorEffect[] {
  const peer = auditor!
  failToDeliver(state, peer)
  const { name, awayUntil } = state.members.get(peer)!
  const text = log('warn', `audit ${auditId} of ${name} is overdue`)
  if (awayUntil !== null) return [text]
  const reason = 'its deadline has passed'
  return [text, notify(peer, { type: 'revoked', leaseId: auditId, reason })]
}

/** Nothing came of it, or not enough: somebody else is drawn, and whatever was answered is gone. */
export function giveBackAudit(
  state: CoordinatorState,
  audit: Audit,
  at: number,
): CoordinatorEffect[] {
  putOff(state, audit, at)
  return assignAudit(state, audit, at)
}

/** A member goes, and what it was to repeat is somebody else's. */
export function freeAuditsOf(state: CoordinatorState, { audits }: Member): void {
  for (const auditId of audits) freeAudit(state, auditId, state.at ?? 0)
}

/** A round begins: what was not repeated in time never will be. */
export function lapseOld(state: CoordinatorState): CoordinatorEffect[] {
  const { round } = state.round.start
  const audits = [...state.audits.values()]
  // Nothing is taken back any more, so nobody needs to know.
  if (state.phase === 'finished') return lapseAll(state, audits, 'the run is finished')
  const isOld = ({ start, deadlineAt }: Audit) =>
    start.round < round - ROUNDS_BACK_MAX && deadlineAt !== null
  return lapseAll(state, audits.filter(isOld), TOO_OLD)
}

/** Also what the coordinator repeats itself, which goes on with what is left. */
export function lapseAll(
  state: CoordinatorState,
  audits: readonly Audit[],
  reason: string,
): CoordinatorEffect[] {
  const { own } = state
  const [first] = own.queue
  const effects = audits.flatMap((audit) => lapse(state, audit, reason))
  own.queue = own.queue.filter((auditId) => state.audits.has(auditId))
  return own.queue[0] === first ? effects : [...effects, ...beginOwn(state, state.at ?? 0)]
}

function lapse(state: CoordinatorState, audit: Audit, reason: string): CoordinatorEffect[] {
  const { auditId, auditor, stage, start } = audit
  state.audits.delete(auditId)
  state.auditCounts.lapsed += 1
  releaseAuditor(state, auditor, auditId)
  const text = log('debug', `audit ${auditId} of ${roundName(start.round)} lapsed`)
  if (stage !== 'out' || state.members.get(auditor!)?.awayUntil !== null) return [text]
  return [text, notify(auditor!, { type: 'revoked', leaseId: auditId, reason })]
}
