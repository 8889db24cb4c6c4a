/**
 * How a round is merged: as the run says, and without the extremes while there is reason to think
 * that somebody lies. A mean is the better one of honest contributions, as it leaves nothing out.
 */
import type { AuditCounts, MergeRule } from '../protocol/index.ts'
import type { CoordinatorState } from './state.ts'

/** Merged rounds that are looked back on: what is found in the open one is dropped from it. */
const ROUNDS = 5
/** Share of their audits that may fail: memory and disks do, now and then. */
const FAILURES_MAX = 0.02

type Standing = Pick<CoordinatorState, 'config' | 'history' | 'refusedMerges'>

/** The rule for the round that closes now. */
export function mergeRuleOf(state: Standing): MergeRule {
  const { config } = state
  const { merge } = config.aggregation
  // One AdamW step with the mean gradient is what one machine would do; nothing else is.
  if (merge === 'trimmed' || config.training.mode === 'gradient') return merge
  return isSuspicious(state) ? 'trimmed' : merge
}

/** There is reason to think that somebody lies: a merge was refused, or audits fail too often. */
export function isSuspicious({
  history,
  refusedMerges,
}: Pick<Standing, 'history' | 'refusedMerges'>): boolean {
  if (refusedMerges.inARow > 0) return true
  const before = history.at(-1 - ROUNDS)?.audits ?? NONE
  const after = history.at(-1)?.audits ?? NONE
  return failureShare(before, after) > FAILURES_MAX
}

const NONE: AuditCounts = { looks: 0, fulls: 0, mismatches: 0, lapsed: 0 }

/** The share of audits that found a mismatch, of those that came to a verdict between two times. */
export function failureShare(before: AuditCounts, after: AuditCounts): number {
  const passed = after.looks - before.looks + after.fulls - before.fulls
  const failed = after.mismatches - before.mismatches
  return failed / Math.max(1, passed + failed)
}
