/**
 * What must hold whatever happens, checked from outside: from what the coordinator was told and
 * what it said, with sums of our own. After each event only what that event can have touched; all
 * of the state at checkpoints.
 */
import type { AggregationJob } from '../coordinator/effect.ts'
import type { CoordinatorEvent, CoordinatorEventOf } from '../coordinator/event.ts'
import type { Outcome } from '../coordinator/outcome.ts'
import type { CoordinatorState } from '../coordinator/state.ts'
import { nextDeadline } from '../coordinator/step.ts'
import { ROUND_LEASES_MAX } from '../protocol/limits.ts'
import type { LeaseId, PeerId } from '../protocol/messages.ts'
import { createBatchSet } from './batch-set.ts'

export interface Checkers {
  after(event: CoordinatorEvent, outcome: Outcome, state: CoordinatorState): void
  /** Everything that holds between events. */
  whole(state: CoordinatorState): void
  complain(what: string): void
  readonly hasViolations: boolean
  /** Each once, with the time of the first. */
  readonly violations: readonly string[]
}

interface Grant {
  peer: PeerId
  firstBatch: number
  steps: number
  tokens: number
}

const VIOLATIONS_MAX = 20

export function createCheckers(nowOf: () => number): Checkers {
  const violations = new Map<string, string>()
  /** Leases of this round, as they were told to their holders. */
  const granted = new Map<LeaseId, Grant>()
  const counted = createBatchSet()
  let job: AggregationJob | null = null
  let tokens = 0
  let before = { round: 0, batchesCounted: 0, tokensCounted: 0, nextLeaseId: 0 }

  function complain(what: string): void {
    const kind = what.replace(/\d+/g, '#')
    if (violations.has(kind) || violations.size >= VIOLATIONS_MAX) return
    violations.set(kind, `${what} (at ${Math.round(nowOf())} ms)`)
  }

  function check(holds: boolean, what: () => string): void {
    if (!holds) complain(what())
  }

  function after(event: CoordinatorEvent, { accepted, effects }: Outcome, state: CoordinatorState) {
    for (const effect of effects) {
      if (effect.type === 'aggregate') checkJob(effect.job)
      if (effect.type === 'reply' && effect.reply.type === 'leased') {
        const { leaseId, firstBatch, steps } = effect.reply
        granted.set(leaseId, { peer: effect.peer, firstBatch, steps, tokens: 0 })
        checkLease(state, leaseId, effect.peer)
      }
    }
    if (!accepted) return
    if (event.type === 'request') noteCommit(event)
    if (event.type === 'aggregated') countMerge(event, state)
    if (event.type === 'tick') {
      const deadline = nextDeadline(state)
      check(deadline === null || deadline > event.at, () => 'a deadline that has passed is left')
    }
    checkForward(state)
  }

  function noteCommit({ request }: CoordinatorEventOf<'request'>): void {
    if (request.type !== 'commit') return
    const { leaseId, steps, tokens: weight } = request.contribution
    const grant = granted.get(leaseId)
    if (grant === undefined) return
    if (steps > grant.steps) complain(`lease ${leaseId} was committed with more than it had`)
    grant.steps = steps
    grant.tokens = weight
  }

  /** Every contribution of a merge was leased, committed as such, and never counted. */
  function checkJob(next: AggregationJob): void {
    job = next
    const seen = createBatchSet()
    for (const { leaseId, peer, firstBatch, steps, tokens: weight } of next.contributions) {
      const grant = granted.get(leaseId)
      const isSame = grant?.peer === peer && grant.firstBatch === firstBatch
      check(isSame, () => `lease ${leaseId} is merged but was not leased so`)
      check(grant?.steps === steps, () => `lease ${leaseId} is merged with steps not committed`)
      check(grant?.tokens === weight, () => `lease ${leaseId} is merged with another weight`)
      const isNew = seen.addAll(firstBatch, steps) && !counted.hasAny(firstBatch, steps)
      check(isNew, () => `batches of lease ${leaseId} are merged a second time`)
    }
  }

  function countMerge(event: CoordinatorEventOf<'aggregated'>, state: CoordinatorState): void {
    const rejected = new Set(event.aggregate.rejected.map(({ leaseId }) => leaseId))
    for (const contribution of job?.contributions ?? []) {
      if (rejected.has(contribution.leaseId)) continue
      const isNew = counted.addAll(contribution.firstBatch, contribution.steps)
      check(isNew, () => `batches of lease ${contribution.leaseId} are counted twice`)
      tokens += contribution.tokens
    }
    const { batchesCounted, tokensCounted, leases } = state
    check(batchesCounted === counted.size, () => `${batchesCounted} batches: ${counted.size} came`)
    check(tokensCounted === tokens, () => `${tokensCounted} tokens are counted: ${tokens} came`)
    check(leases.size === 0, () => `${leases.size} leases outlive their round`)
    granted.clear()
  }

  function checkForward({ round, batchesCounted, tokensCounted, nextLeaseId }: CoordinatorState) {
    const now = round.start.round
    const isForward =
      now >= before.round &&
      batchesCounted >= before.batchesCounted &&
      tokensCounted >= before.tokensCounted &&
      nextLeaseId >= before.nextLeaseId
    if (!isForward) complain('a round, a sum or a lease number went back')
    if (now > before.round + 1) complain('a round was left out')
    before = { round: now, batchesCounted, tokensCounted, nextLeaseId }
  }

  /** It has an owner that knows of it, and a time when it ends. */
  function checkLease(state: CoordinatorState, leaseId: LeaseId, peer: PeerId): void {
    const held = state.leases.get(leaseId)
    if (held === undefined) return complain(`lease ${leaseId} is lost as soon as it is given`)
    if (held.peer !== peer) complain(`lease ${leaseId} has another owner`)
    const member = state.members.get(held.peer)
    const isKnown = member?.leaseId === leaseId || member?.committed.includes(leaseId) === true
    if (!isKnown && held.stage !== 'uploaded') complain(`lease ${leaseId} has no owner`)
    const deadline = nextDeadline(state)
    const due = held.stage === 'leased' ? held.deadlineAt : Number.POSITIVE_INFINITY
    const isTimed = due !== null && (deadline !== null || state.phase === 'aggregating')
    if (!isTimed || (deadline ?? due) > due) complain(`lease ${leaseId} has no deadline`)
  }

  function whole(state: CoordinatorState): void {
    const { ledger, leases, members, records, round, config } = state
    const held = [...leases.values()].map(({ firstBatch, steps }) => ({
      start: firstBatch,
      end: firstBatch + steps,
    }))
    const all = [...ledger.owed, ...ledger.counted, ...held].sort((a, b) => a.start - b.start)
    let reached = 0
    for (const { start, end } of all) {
      check(start <= reached, () => `batch ${reached} is lost`)
      check(start >= reached, () => `batch ${start} is in two places`)
      reached = Math.max(reached, end)
    }
    check(reached === ledger.next, () => `batches ${reached} to ${ledger.next} are lost`)
    for (const { leaseId, peer } of leases.values()) checkLease(state, leaseId, peer)
    for (const { peer, leaseId, committed } of members.values()) {
      for (const id of leaseId === null ? committed : [...committed, leaseId]) {
        check(leases.get(id)?.peer === peer, () => `lease ${id} of ${peer} is gone`)
      }
    }
    const sizes = { outstanding: 0, uploaded: 0 }
    for (const { stage, steps } of leases.values()) {
      sizes[stage === 'uploaded' ? 'uploaded' : 'outstanding'] += steps
    }
    const sums = [sizes.outstanding === round.outstanding, sizes.uploaded === round.uploaded]
    check(sums.every(Boolean), () => 'the sums of a round are not those of its leases')
    let credit = 0
    for (const { countedTokens } of records.values()) credit += countedTokens
    check(credit === state.tokensCounted, () => 'credit does not add up to what was counted')
    check(leases.size <= ROUND_LEASES_MAX, () => 'there are too many leases')
    check(members.size <= config.admission.membersMax, () => 'there are too many members')
    const { leaseDeadlines, memberDeadlines } = state.derived
    const entries = leaseDeadlines.length + memberDeadlines.length
    const entriesMax = 1000 + 8 * (granted.size + members.size + records.size)
    check(entries <= entriesMax, () => `${entries} deadlines are waiting`)
  }

  return {
    after,
    whole,
    complain,
    get hasViolations() {
      return violations.size > 0
    },
    get violations() {
      return [...violations.values()]
    },
  }
}
