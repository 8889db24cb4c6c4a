/** The state in public (`statusOf`), and for people who read transcripts (`describe`). */
import { EVALUATIONS_MAX, type RunStatus, STATUS_PARTICIPANTS_MAX } from '../protocol/messages.ts'
import { describeRanges } from './ranges.ts'
import type { CoordinatorState, HeldLease, Member } from './state.ts'

/** Costs the same however many members there are: the first so many are listed. */
export function statusOf(state: CoordinatorState): RunStatus {
  const { config, round, members } = state
  return {
    runId: state.runId,
    name: config.name,
    phase: state.phase,
    round: round.start.round,
    roundsMax: config.training.roundsMax,
    batchesCounted: state.batchesCounted,
    batchesMax: config.training.batchesMax,
    countedTokens: state.tokensCounted,
    base: round.start.base,
    learningRate: round.start.learningRate,
    evaluations: firstAndLatest(state.evaluations),
    participantCount: members.size,
    participants: firstParticipants(state),
  }
}

/** The base model's loss is what all later ones are compared with, so it stays in the list. */
function firstAndLatest(evaluations: RunStatus['evaluations']): RunStatus['evaluations'] {
  if (evaluations.length <= EVALUATIONS_MAX) return [...evaluations]
  return [evaluations[0]!, ...evaluations.slice(1 - EVALUATIONS_MAX)]
}

function firstParticipants(state: CoordinatorState): RunStatus['participants'] {
  const participants: RunStatus['participants'] = []
  for (const member of state.members.values()) {
    if (participants.length === STATUS_PARTICIPANTS_MAX) break
    participants.push(participantStatus(state, member))
  }
  return participants
}

function participantStatus(
  state: CoordinatorState,
  { peer, name, awayUntil, stepMs, leaseId }: Member,
): RunStatus['participants'][number] {
  const record = state.records.get(peer)
  return {
    peer,
    name,
    state: awayUntil === null ? 'here' : 'away',
    stepMs,
    leasedSteps: leaseId === null ? 0 : state.leases.get(leaseId)!.steps,
    countedTokens: record?.countedTokens ?? 0,
    contributions: record?.contributions ?? 0,
  }
}

/** A few lines: the round, the ledger, each lease, each member. */
export function describe(state: CoordinatorState): string {
  const { round, ledger, leases, members, records } = state
  const { start, budget, boxEndsAt, closesAt, extended, expected, outstanding, uploaded } = round
  const lines = [
    `${state.phase} round=${start.round} budget=${budget} box=${boxEndsAt ?? '-'} ` +
      `closes=${closesAt ?? '-'}${extended ? ' extended' : ''} expected=${expected} ` +
      `outstanding=${outstanding} uploaded=${uploaded}`,
    `ledger next=${ledger.next} owed=${describeRanges(ledger.owed)} ` +
      `counted=${describeRanges(ledger.counted)}`,
  ]
  for (const held of leases.values()) lines.push(describeLease(held))
  for (const { peer, awayUntil, leaseId, committed, stepMs } of members.values()) {
    const presence = awayUntil === null ? 'here' : `away until ${awayUntil}`
    const strikes = records.get(peer)?.strikes ?? 0
    lines.push(
      `member ${peer} ${presence} lease=${leaseId ?? '-'} uploads=${committed.join(',') || '-'} ` +
        `stepMs=${stepMs ?? '-'}${strikes > 0 ? ` strikes=${strikes}` : ''}`,
    )
  }
  return lines.join('\n')
}

function describeLease({ leaseId, peer, firstBatch, steps, stage, ...held }: HeldLease): string {
  const range = describeRanges([{ start: firstBatch, end: firstBatch + steps }])
  const deadline = held.deadlineAt === null ? '' : ` stop=${held.stopAt} until=${held.deadlineAt}`
  return `lease ${leaseId} ${peer} ${range} ${stage}${deadline}`
}
