/**
 * What must hold whatever happens, checked from outside: from what the coordinator was told and
 * what it said, with sums of our own. After each event only what that event can have touched; all
 * of the state at checkpoints (`check-whole.ts`).
 */
import {
  type AggregationJob,
  type CoordinatorEvent,
  type CoordinatorEventOf,
  type CoordinatorState,
  nextDeadline,
  type Outcome,
} from '../coordinator/index.ts'
import type { LeaseId, PeerId } from '../protocol/index.ts'
import type { Totals } from './accounts.ts'
import { type BatchSet, createBatchSet } from './batch-set.ts'
import { checkPromises, newPromises, type Promises } from './check-promises.ts'
import { type Check, checkLease, checkNewcomers, checkWhole } from './check-whole.ts'

export interface Checkers {
  after(event: CoordinatorEvent, outcome: Outcome, state: CoordinatorState): void
  /** Everything that holds between events. */
  whole(state: CoordinatorState): void
  /** All time that somebody was online has a cause. */
  accounts(totals: Totals, onlineMs: number): void
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

/** What the checkers remember of a run. */
interface Memory {
  check: Check
  promises: Promises
  /** Leases of this round, as they were told to their holders. */
  granted: Map<LeaseId, Grant>
  counted: BatchSet
  /** What each peer has sent that no honest machine sends: it may be struck for that alone. */
  faults: Map<PeerId, number>
  /** The merge that was asked for last. */
  job: AggregationJob | null
  tokens: number
  /** Leases that were merged and are taken back. */
  takenBack: Set<LeaseId>
  before: { round: number; batchesCounted: number; tokensCounted: number; nextLeaseId: number }
}

const VIOLATIONS_MAX = 20

export function createCheckers(nowOf: () => number): Checkers {
  const violations = new Map<string, string>()
  const complain = (what: string): void => {
    const kind = what.replace(/\d+/g, '#')
    if (violations.has(kind) || violations.size >= VIOLATIONS_MAX) return
    violations.set(kind, `${what} (at ${Math.round(nowOf())} ms)`)
  }
  const check: Check = (holds, what) => {
    if (!holds) complain(what())
  }
  const memory: Memory = {
    check,
    promises: newPromises(),
    granted: new Map(),
    counted: createBatchSet(),
    faults: new Map(),
    job: null,
    tokens: 0,
    takenBack: new Set(),
    before: { round: 0, batchesCounted: 0, tokensCounted: 0, nextLeaseId: 0 },
  }
  return {
    after: (event, outcome, state) => {
      checkEvent(memory, event, outcome, state)
      checkPromises(check, memory.promises, event, outcome, state)
    },
    whole: (state) => checkWhole(check, state, memory),
    accounts: (totals, onlineMs) => checkAccounts(check, totals, onlineMs),
    complain,
    get hasViolations() {
      return violations.size > 0
    },
    get violations() {
      return [...violations.values()]
    },
  }
}

/** What is booked and what was online may differ by so much, which is more than rounding. */
const ACCOUNTS_ERROR_MAX = 1e-3

function checkAccounts(check: Check, { online, counted, waste }: Totals, onlineMs: number): void {
  const isAll = Math.abs(online - onlineMs) <= ACCOUNTS_ERROR_MAX * onlineMs
  check(isAll, () => `${online} ms online have a cause, of ${onlineMs}`)
  const parts = [['counted', counted] as const, ...Object.entries(waste)]
  for (const [name, ms] of parts) check(ms > -1, () => `${ms} ms of time are ${name}`)
}

function checkEvent(
  memory: Memory,
  event: CoordinatorEvent,
  { accepted, effects }: Outcome,
  state: CoordinatorState,
): void {
  for (const effect of effects) {
    if (effect.type === 'aggregate') checkJob(memory, effect.job)
    if (effect.type === 'reply' && effect.reply.type === 'leased') {
      const { leaseId, firstBatch, steps } = effect.reply
      memory.granted.set(leaseId, { peer: effect.peer, firstBatch, steps, tokens: 0 })
      checkLease(memory.check, state, leaseId, effect.peer)
      if (accepted) checkNewcomers(memory.check, state, leaseId)
    }
  }
  if (accepted) checkAccepted(memory, event, state)
}

function checkAccepted(memory: Memory, event: CoordinatorEvent, state: CoordinatorState): void {
  noteTakenBack(memory, state)
  if (event.type === 'request') noteCommit(memory, event)
  if (event.type === 'payload-refused') noteFault(memory, memory.granted.get(event.leaseId)?.peer)
  if (event.type === 'aggregated') countMerge(memory, event, state)
  if (event.type === 'tick') {
    const deadline = nextDeadline(state)
    const isAhead = deadline === null || deadline > event.at
    memory.check(isAhead, () => 'a deadline that has passed is left')
  }
  checkForward(memory, state)
}

function noteCommit(
  memory: Memory,
  { peer, request, genuine }: CoordinatorEventOf<'request'>,
): void {
  if (request.type !== 'commit') return
  if (!genuine) return noteFault(memory, peer)
  const { granted, check } = memory
  const { leaseId, steps, tokens } = request.contribution
  const grant = granted.get(leaseId)
  if (grant === undefined) return
  check(steps <= grant.steps, () => `lease ${leaseId} was committed with more than it had`)
  grant.steps = steps
  grant.tokens = tokens
}

function noteFault({ faults }: Memory, peer: PeerId | undefined): void {
  if (peer !== undefined) faults.set(peer, (faults.get(peer) ?? 0) + 1)
}

/** Every contribution of a merge was leased, committed as such, and never counted. */
function checkJob(memory: Memory, job: AggregationJob): void {
  const { check, granted, counted } = memory
  memory.job = job
  const seen = createBatchSet()
  for (const { leaseId, peer, firstBatch, steps, tokens } of job.contributions) {
    const grant = granted.get(leaseId)
    const isSame = grant?.peer === peer && grant.firstBatch === firstBatch
    check(isSame, () => `lease ${leaseId} is merged but was not leased so`)
    check(grant?.steps === steps, () => `lease ${leaseId} is merged with steps not committed`)
    check(grant?.tokens === tokens, () => `lease ${leaseId} is merged with another weight`)
    const isNew = seen.addAll(firstBatch, steps) && !counted.hasAny(firstBatch, steps)
    check(isNew, () => `batches of lease ${leaseId} are merged a second time`)
  }
}

function countMerge(
  memory: Memory,
  { aggregate }: CoordinatorEventOf<'aggregated'>,
  { batchesCounted, tokensCounted, leases }: CoordinatorState,
): void {
  const { check, counted } = memory
  const rejected = new Set(aggregate.rejected.map(({ leaseId }) => leaseId))
  for (const { leaseId, peer, firstBatch, steps, tokens } of memory.job?.contributions ?? []) {
    if (rejected.has(leaseId)) {
      noteFault(memory, peer)
      continue
    }
    const isNew = counted.addAll(firstBatch, steps)
    check(isNew, () => `batches of lease ${leaseId} are counted twice`)
    memory.tokens += tokens
  }
  check(batchesCounted === counted.size, () => `${batchesCounted} batches: ${counted.size} came`)
  const isSum = tokensCounted === memory.tokens
  check(isSum, () => `${tokensCounted} tokens are counted: ${memory.tokens} came`)
  check(leases.size === 0, () => `${leases.size} leases outlive their round`)
  memory.granted.clear()
}

/** What is taken back was counted before, and counts no more. */
function noteTakenBack(memory: Memory, { takenBack }: CoordinatorState): void {
  const { check, counted, before } = memory
  for (const { leaseId, firstBatch, steps, tokens } of takenBack.flatMap(contributionsOf)) {
    if (memory.takenBack.has(leaseId)) continue
    memory.takenBack.add(leaseId)
    const wasCounted = counted.removeAll(firstBatch, steps)
    check(wasCounted, () => `lease ${leaseId} is taken back and never counted`)
    memory.tokens -= tokens
    before.tokensCounted -= tokens
    before.batchesCounted -= steps
  }
}

const contributionsOf = ({ contributions }: CoordinatorState['takenBack'][number]) => contributions

function checkForward(memory: Memory, state: CoordinatorState): void {
  const { check, before } = memory
  const { batchesCounted, tokensCounted, nextLeaseId } = state
  const { round } = state.round.start
  const isForward =
    round >= before.round &&
    batchesCounted >= before.batchesCounted &&
    tokensCounted >= before.tokensCounted &&
    nextLeaseId >= before.nextLeaseId
  check(isForward, () => 'a round, a sum or a lease number went back')
  check(round <= before.round + 1, () => 'a round was left out')
  memory.before = { round, batchesCounted, tokensCounted, nextLeaseId }
}
