/** The queues of deadlines, made of the leases, audits and members that have one. */
import { pushDeadline } from './deadlines.ts'
import type { CoordinatorState } from './state.ts'

/** Fills the queues anew, after a restore or when all deadlines have moved. */
export function queueDeadlines({ derived, leases, members, audits }: CoordinatorState): void {
  derived.leaseDeadlines = []
  derived.auditDeadlines = []
  derived.memberDeadlines = []
  for (const { leaseId, deadlineAt } of leases.values()) {
    if (deadlineAt !== null) pushDeadline(derived.leaseDeadlines, { at: deadlineAt, key: leaseId })
  }
  for (const { auditId, deadlineAt } of audits.values()) {
    if (deadlineAt !== null) pushDeadline(derived.auditDeadlines, { at: deadlineAt, key: auditId })
  }
  for (const { peer, awayUntil } of members.values()) {
    if (awayUntil !== null) pushDeadline(derived.memberDeadlines, { at: awayUntil, key: peer })
  }
}
