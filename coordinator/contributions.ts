/**
 * From finished steps to a stored payload: commit, upload, stored. A commit names everything before
 * a byte is uploaded, so that nobody can wait and copy; each check has its own refusal. A repeated
 * commit is answered like the first, because replies get lost.
 */
import type { Contribution, LeaseId, PeerId, Refusal, RequestOf } from '../protocol/messages.ts'
import type { BlobReference } from '../protocol/run-config.ts'
import { giveBack } from './assignment.ts'
import type { CoordinatorEventOf } from './event.ts'
import { strike } from './fault-detector.ts'
import { release, revoke } from './lease.ts'
import {
  answer,
  changed,
  log,
  notify,
  type Outcome,
  type RequestEvent,
  refuse,
  roundName,
  unchanged,
} from './outcome.ts'
import { changeMember, memberHere } from './roster.ts'
import type { Commitment, CoordinatorState, HeldLease } from './state.ts'

type Refused = readonly [Refusal, string]

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
    const reason = `lease ${held.leaseId} was committed with another result`
    return unchanged(refuse(event, 'duplicate', reason))
  }
  const wrong = workRefusal(state, held, contribution)
  if (wrong !== null) return unchanged(refuse(event, ...wrong))
  commit(state, held, contribution, event.at)
  return changed(committed)
}

/** Is this the right peer, talking about this run and round? */
function senderRefusal(
  state: CoordinatorState,
  { peer, signatureValid }: RequestEvent,
  contribution: Contribution,
): Refused | null {
  const { round, base } = state.round.start
  if (memberHere(state, peer) === null) {
    return state.phase === 'finished'
      ? ['run-finished', 'the run is finished']
      : ['not-joined', 'join first']
  }
  if (!signatureValid) return ['bad-signature', `the signature is not ${peer}'s`]
  if (contribution.peer !== peer) return ['other-peer', `this is the work of ${contribution.peer}`]
  if (contribution.runId !== state.runId) return ['other-run', `this is run ${state.runId}`]
  if (state.phase === 'finished') return ['run-finished', 'the run is finished']
  if (contribution.round !== round) {
    const reason = `${roundName(contribution.round)} is not the current ${roundName(round)}`
    return ['stale-round', reason]
  }
  if (contribution.base !== base) return ['wrong-base', `${roundName(round)} starts from ${base}`]
  return null
}

/** The lease of that number, if this peer holds it. */
function findLease(state: CoordinatorState, peer: PeerId, leaseId: LeaseId): HeldLease | Refused {
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
    const done = `${steps} steps from ${firstBatch} with ${trace.length} links`
    return ['wrong-batches', `${done} are no prefix of ${held.steps} from ${held.firstBatch}`]
  }
  if (tokens < 1 || tokens > tokensMax) {
    return ['wrong-tokens', `${steps} steps have 1 to ${tokensMax} tokens, not ${tokens}`]
  }
  if (payload.bytes > state.derived.payloadBytesMax) {
    const { payloadBytesMax } = state.derived
    return ['wrong-payload', `at most ${payloadBytesMax} bytes, not ${payload.bytes}`]
  }
  return null
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
    again.trace.at(-1) === trace &&
    isSameBlob(again.payload, payload)
  )
}

function isSameBlob(a: BlobReference, b: BlobReference): boolean {
  return a.digest === b.digest && a.bytes === b.bytes
}

function commit(
  state: CoordinatorState,
  held: HeldLease,
  { steps, tokens, trace, payload, stepMs }: Contribution,
  at: number,
): void {
  const end = held.firstBatch + held.steps
  giveBack(state.ledger, { start: held.firstBatch + steps, end })
  state.round.outstanding -= held.steps - steps
  held.steps = steps
  held.stage = 'committed'
  held.deadlineAt = null
  held.commitment = { at, trace: trace.at(-1)!, tokens, payload }
  const member = state.members.get(held.peer)!
  member.leaseId = null
  member.committed.push(held.leaseId)
  changeMember(state, member, { stepMs })
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
  if (state.phase === 'finished') return ['run-finished', 'the run is finished']
  if (memberHere(state, peer) === null) return ['not-joined', 'join first']
  const held = findLease(state, peer, leaseId)
  if (!('stage' in held)) return held
  const { commitment, stage } = held
  if (commitment === null) return ['not-committed', `commit lease ${leaseId} before the upload`]
  if (!isSameBlob(payload, commitment.payload)) {
    return ['wrong-payload', `lease ${leaseId} was committed with ${commitment.payload.digest}`]
  }
  if (stage === 'uploaded') return ['duplicate', `the payload of lease ${leaseId} is here`]
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
  held.stage = 'uploaded'
  state.round.outstanding -= held.steps
  state.round.uploaded += held.steps
  const { tokens, at: committedAt } = held.commitment!
  const member = state.members.get(held.peer)
  if (member !== undefined) {
    release(member, leaseId)
    member.transferMs = Math.max(0, at - committedAt)
  }
  return changed(notify(held.peer, { type: 'counted', leaseId, tokens }))
}

export function onPayloadRefused(
  state: CoordinatorState,
  { leaseId, reason }: CoordinatorEventOf<'payload-refused'>,
): Outcome {
  const held = state.leases.get(leaseId)
  if (held?.stage !== 'committed') return unchanged()
  return changed(...revoke(state, held, reason), ...strike(state, held.peer, reason))
}
