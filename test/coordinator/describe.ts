/** The state for people who read transcripts. */
import type { Audit } from '../../coordinator/audit.ts'
import type { Range } from '../../coordinator/ranges.ts'
import type { CoordinatorState, HeldLease } from '../../coordinator/state.ts'

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
  for (const audit of state.audits.values()) lines.push(describeAudit(audit))
  for (const { peer, awayUntil, leaseId, committed, stepMs } of members.values()) {
    const presence = awayUntil === null ? 'here' : `away until ${awayUntil}`
    const { strikes = 0, verifiedInARow = 0, erredAt = null } = records.get(peer) ?? {}
    const known = verifiedInARow > 0 ? ` verified=${verifiedInARow}` : ''
    const erred = erredAt === null ? '' : ' erred'
    lines.push(
      `member ${peer} ${presence} lease=${leaseId ?? '-'} uploads=${committed.join(',') || '-'} ` +
        `stepMs=${stepMs ?? '-'}${strikes > 0 ? ` strikes=${strikes}` : ''}${known}${erred}`,
    )
  }
  return lines.join('\n')
}

function describeLease({ leaseId, peer, firstBatch, steps, stage, ...held }: HeldLease): string {
  const range = describeRanges([{ start: firstBatch, end: firstBatch + steps }])
  const deadline = held.deadlineAt === null ? '' : ` stop=${held.stopAt} until=${held.deadlineAt}`
  return `lease ${leaseId} ${peer} ${range} ${stage}${deadline}`
}

function describeAudit({
  auditId,
  leaseId,
  kind,
  steps,
  stage,
  auditor,
  deadlineAt,
}: Audit): string {
  const who = auditor === null ? '' : ` ${auditor}`
  const until = deadlineAt === null ? '' : ` until=${deadlineAt}`
  return `audit ${auditId} ${kind} of ${steps} steps of lease ${leaseId}: ${stage}${who}${until}`
}

export function describeRanges(set: readonly Range[]): string {
  return set.map(({ start, end }) => `[${start},${end})`).join(' ') || '-'
}
