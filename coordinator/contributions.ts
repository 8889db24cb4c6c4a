/**
 * The way of finished steps to a stored payload: commit, upload, stored. A commit names everything
 * before a byte is uploaded, so that nobody can wait and copy; each check has its own refusal. A
 * repeated commit is answered like the first, because replies get lost.
 */

import {
  assert,
  type BlobReference,
  type Contribution,
  counted,
  type LeaseId,
  log,
  type PeerId,
  type RequestOf,
  roundName,
} from '../protocol/index.ts'
import { giveBack } from './assignment.ts'
import { firstDifference } from './auditors.ts'
import { drawAudit } from './audits.ts'
import type { CoordinatorEventOf } from './event.ts'
import { ban, strike } from './fault-detector.ts'
import { leaveOutstanding, release, revoke } from './lease.ts'
import { speedOf } from './lease-size.ts'
import {
  answer,
  changed,
  type Outcome,
  type Refused,
  type RequestEvent,
  refuse,
  runFinished,
  unchanged,
} from './outcome.ts'
import { forgive } from './patience.ts'
import { isOnTrial, recordOf } from './record.ts'
import { changeMember, deliver, memberHere, paceOfOthers } from './roster.ts'
import type { Commitment, CoordinatorState, HeldLease } from './state.ts'
import { addBatches, addPayload, addTrials } from './tally.ts'
import { countIn } from './trial.ts'
import { takeBackUnverified } from './verdicts.ts'

/** The pace of fewer tells nothing of what machines can do. */
const TIMED_MIN = 3
/** Nobody is taken to be so many times as fast as the mean of the others. */
const FASTER_MAX = 16
/** The steps of a lease are believed to have taken at least its time by so much. */
const REST_MAX = 3

export function onCommit(
  state: CoordinatorState,
  event: RequestEvent,
  { contribution }: RequestOf<'commit'>,
): Outcome {
  const refused = senderRefusal(state, event, contribution)
  if (refused?.[0] === 'bad-signature') {
    const [refusal, reason] = refused
    return changed(refuse(event, refusal, reason), ...strike(state, event.peer, reason))
  }
  if (refused !== null) return unchanged(refuse(event, ...refused))
  const held = findLease(state, event.peer, contribution.leaseId)
  if (!('stage' in held)) return unchanged(refuse(event, ...held))
  const committed = answer(event, { type: 'committed', leaseId: held.leaseId })
  if (held.commitment !== null) {
    if (isSameWork(held.steps, held.commitment, contribution)) return unchanged(committed)
    if (contradicts(held, held.commitment, contribution) && isAudited(state)) {
      return onContradiction(state, event, held)
    }
    const reason = `lease ${held.leaseId} was committed with another result`
    return unchanged(refuse(event, 'duplicate', reason))
  }
  const wrong = workRefusal(state, held, contribution)
  if (wrong !== null) return unchanged(refuse(event, ...wrong))
  assert(event.draw !== undefined, 'a commit comes with a draw')
  commit(state, held, contribution, { at: event.at, draw: event.draw })
  return changed(committed, ...drawAudit(state, held, event.draw, event.at))
}

/** Is this the right peer, talking about this run and round? */
function senderRefusal(
  state: CoordinatorState,
  { peer, genuine }: RequestEvent,
  contribution: Contribution,
): Refused | null {
  const { round, base } = state.round.start
  if (memberHere(state, peer) === null) {
    return state.phase === 'finished' ? runFinished(state) : ['not-joined', 'join first']
  }
  if (!genuine) return ['bad-signature', `the signature is not ${peer}'s`]
  if (contribution.peer !== peer) return ['other-peer', `this is the work of ${contribution.peer}`]
  if (contribution.runId !== state.runId) return ['other-run', `this is run ${state.runId}`]
  if (state.phase === 'finished') return runFinished(state)
  if (contribution.round !== round) {
    const reason = `${roundName(contribution.round)} is not the current ${roundName(round)}`
    return ['stale-round', reason]
  }
  if (contribution.base !== base) return ['wrong-base', `${roundName(round)} starts from ${base}`]
  return null
}

/** The lease of that number, if this peer holds it. */
export function findLease(
  state: CoordinatorState,
  peer: PeerId,
  leaseId: LeaseId,
): HeldLease | Refused {
  const held = state.leases.get(leaseId)
  if (held === undefined) {
    return leaseId < state.nextLeaseId
      ? ['lease-expired', `lease ${leaseId} has expired`]
      : ['unknown-lease', `there is no lease ${leaseId}`]
  }
  if (held.peer !== peer) return ['other-peer', `lease ${leaseId} is not yours`]
  return held
}

/** Can this work come from that lease? */
function workRefusal(
  state: CoordinatorState,
  held: HeldLease,
  { firstBatch, steps, trace, tokens, payload }: Contribution,
): Refused | null {
  const { training, dataset } = state.config
  const tokensMax = steps * training.batchSequences * dataset.sequenceLength
  if (firstBatch !== held.firstBatch || steps > held.steps || trace.length !== steps) {
    const links = counted(trace.length, 'link')
    const done = `${counted(steps, 'step')} from ${firstBatch} with ${links}`
    return ['wrong-batches', `${done} are no prefix of ${held.steps} from ${held.firstBatch}`]
  }
  if (tokens < 1 || tokens > tokensMax) {
    return [
      'wrong-tokens',
      `${counted(steps, 'step')} must have 1 to ${tokensMax} tokens, not ${tokens}`,
    ]
  }
  if (payload.bytes !== state.payloadBytes) {
    const { payloadBytes } = state
    return ['wrong-payload', `a payload has ${payloadBytes} bytes, not ${payload.bytes}`]
  }
  for (const other of state.derived.tally.payloads.get(payload.digest) ?? []) {
    if (other.peer === held.peer || hasSameData(state, other, { firstBatch, steps })) continue
    return ['duplicate', `payload ${payload.digest} is that of another lease`]
  }
  return null
}

/**
 * Whether two leases train on the same sequences: the data starts over after each epoch, so that
 * honest work from the same base gives the same payload again.
 */
function hasSameData(
  { config: { training, dataset } }: CoordinatorState,
  one: { firstBatch: number; steps: number },
  other: { firstBatch: number; steps: number },
): boolean {
  const apart = Math.abs(one.firstBatch - other.firstBatch) * training.batchSequences
  return one.steps === other.steps && apart % dataset.trainSequences === 0
}

/**
 * The last link of a trace stands for all steps before it, as the payload's digest does for its
 * bytes.
 */
function isSameWork(
  steps: number,
  { trace, tokens, payload }: Commitment,
  again: Contribution,
): boolean {
  return (
    again.steps === steps &&
    again.tokens === tokens &&
    again.trace.at(-1) === trace.at(-1) &&
    isSameBlob(again.payload, payload)
  )
}

/**
 * Two signed answers that no machine can give: what it does with the same steps is the same. A
 * shorter prefix of the same work contradicts nothing.
 */
function contradicts(
  { steps }: HeldLease,
  { trace, payload }: Commitment,
  again: Contribution,
): boolean {
  const shared = Math.min(steps, again.steps)
  if (firstDifference(trace, again.trace) < shared) return true
  return steps === again.steps && !isSameBlob(payload, again.payload)
}

const isAudited = ({ config }: CoordinatorState): boolean => config.audit.trust !== 'everyone'

function onContradiction(state: CoordinatorState, event: RequestEvent, held: HeldLease): Outcome {
  const { peer } = event
  const reason = `lease ${held.leaseId} was committed with two results`
  return changed(
    refuse(event, 'duplicate', reason),
    ...takeBackUnverified(state, peer, held.leaseId),
    ...ban(state, peer, reason),
  )
}

function isSameBlob(a: BlobReference, b: BlobReference): boolean {
  return a.digest === b.digest && a.bytes === b.bytes
}

function commit(
  state: CoordinatorState,
  held: HeldLease,
  { steps, tokens, trace, payload, stepMs }: Contribution,
  { at, draw }: Pick<Commitment, 'at' | 'draw'>,
): void {
  const paceMs = Math.max(stepMs, (at - held.leasedAt) / steps / REST_MAX)
  const end = held.firstBatch + held.steps
  giveBack(state.ledger, { start: held.firstBatch + steps, end })
  leaveOutstanding(state, held, held.steps - steps)
  addBatches(state.derived.tally, held, steps - held.steps)
  held.steps = steps
  held.stage = 'committed'
  held.isOnTrial ||= isOnTrial(state, held.peer) || isTooFast(state, held, steps, at)
  held.deadlineAt = null
  state.failures.delete(held.firstBatch)
  held.commitment = { at, trace, tokens, payload, paceMs, draw }
  addPayload(state.derived.tally, held)
  if (held.isOnTrial) addTrials(state.derived.tally, held.peer, 1)
  recordOf(state, held.peer).works += 1
  const member = state.members.get(held.peer)!
  member.leaseId = null
  member.committed.push(held.leaseId)
  changeMember(state, member, { stepMs })
}

/**
 * More steps than the time since the lease allows, by the pace of the others who are here and were
 * right: they count once somebody else got the same.
 */
function isTooFast(
  state: CoordinatorState,
  { peer, leasedAt }: HeldLease,
  steps: number,
  at: number,
): boolean {
  const { speed, untimedCount } = paceOfOthers(state, state.members.get(peer)!)
  const timedCount = state.derived.here.length - 1 - untimedCount
  if (state.config.audit.trust === 'everyone' || timedCount < TIMED_MIN) return false
  return speedOf((at - leasedAt) / steps) > FASTER_MAX * (speed / timedCount)
}

export function onUpload(
  state: CoordinatorState,
  event: RequestEvent,
  { leaseId, payload }: RequestOf<'upload'>,
): Outcome {
  const refused = uploadRefusal(state, event.peer, leaseId, payload)
  if (refused !== null) return unchanged(refuse(event, ...refused))
  return unchanged(answer(event, { type: 'go', leaseId }))
}

function uploadRefusal(
  state: CoordinatorState,
  peer: PeerId,
  leaseId: LeaseId,
  payload: BlobReference,
): Refused | null {
  if (state.phase === 'finished') return runFinished(state)
  if (memberHere(state, peer) === null) return ['not-joined', 'join first']
  const held = findLease(state, peer, leaseId)
  if (!('stage' in held)) return held
  const { commitment, stage } = held
  if (commitment === null) return ['not-committed', `commit lease ${leaseId} before the upload`]
  if (!isSameBlob(payload, commitment.payload)) {
    return ['wrong-payload', `lease ${leaseId} was committed with ${commitment.payload.digest}`]
  }
  if (stage !== 'committed') return ['duplicate', `the payload of lease ${leaseId} is here`]
  return null
}

export function onPayloadStored(
  state: CoordinatorState,
  { at, leaseId }: CoordinatorEventOf<'payload-stored'>,
): Outcome {
  const held = state.leases.get(leaseId)
  if (held?.stage !== 'committed') {
    return unchanged(log('debug', `the payload of lease ${leaseId} came too late`))
  }
  held.stage = 'stored'
  forgive(state, held.peer)
  const { at: committedAt, paceMs } = held.commitment!
  deliver(state, held.peer, paceMs)
  const member = state.members.get(held.peer)
  if (member !== undefined) {
    release(member, leaseId)
    member.transferMs = Math.max(0, at - committedAt)
  }
  return changed(...(held.isOnTrial ? [] : countIn(state, held)))
}

export function onPayloadRefused(
  state: CoordinatorState,
  { leaseId, reason }: CoordinatorEventOf<'payload-refused'>,
): Outcome {
  const held = state.leases.get(leaseId)
  if (held?.stage !== 'committed') return unchanged()
  return changed(...revoke(state, held, reason), ...strike(state, held.peer, reason))
}
