/** Everything that holds of a coordinator's state between two events. */
import { type CoordinatorState, nextDeadline } from '../coordinator/index.ts'
import { type LeaseId, type PeerId, ROUND_LEASES_MAX } from '../protocol/index.ts'

/** Complains of what does not hold. */
export type Check = (holds: boolean, what: () => string) => void

export interface Seen {
  /** The leases that this round has given so far. */
  granted: { readonly size: number }
  /** What each peer has sent that no honest machine sends. */
  faults: ReadonlyMap<PeerId, number>
}

export function checkWhole(check: Check, state: CoordinatorState, seen: Seen): void {
  checkBatches(check, state)
  for (const { leaseId, peer } of state.leases.values()) checkLease(check, state, leaseId, peer)
  checkHolders(check, state)
  checkSums(check, state)
  checkStrikes(check, state, seen)
  checkSizes(check, state, seen)
}

/** It has an owner that knows of it, and a time when it ends. */
export function checkLease(
  check: Check,
  state: CoordinatorState,
  leaseId: LeaseId,
  peer: PeerId,
): void {
  const held = state.leases.get(leaseId)
  check(held !== undefined, () => `lease ${leaseId} is lost as soon as it is given`)
  if (held === undefined) return
  check(held.peer === peer, () => `lease ${leaseId} has another owner`)
  const member = state.members.get(held.peer)
  const isKnown = member?.leaseId === leaseId || member?.committed.includes(leaseId) === true
  const isHere = held.stage === 'stored' || held.stage === 'uploaded'
  check(isKnown || isHere, () => `lease ${leaseId} has no owner`)
  const deadline = nextDeadline(state)
  const due = held.stage === 'leased' ? held.deadlineAt : Number.POSITIVE_INFINITY
  const isTimed = due !== null && (deadline !== null || state.phase === 'aggregating')
  check(isTimed && (deadline ?? due) <= due, () => `lease ${leaseId} has no deadline`)
}

/** A new lease leaves those who are not proven a fifth of a shared round, or is their only one. */
export function checkNewcomers(check: Check, state: CoordinatorState, leaseId: LeaseId): void {
  const { round, leases } = state
  if (!round.isShared || leases.get(leaseId)?.isNewcomers !== true) return
  const theirs = [...leases.values()].filter(({ isNewcomers }) => isNewcomers)
  const batches = theirs.reduce((sum, { steps }) => sum + steps, 0)
  const all = round.outstanding + round.uploaded
  const isShare = 5 * batches <= all || theirs.length === 1
  check(isShare, () => `newcomers hold ${batches} of ${all} batches`)
}

/** Every batch below `next` is in exactly one place. */
function checkBatches(check: Check, { ledger, leases }: CoordinatorState): void {
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
}

function checkHolders(check: Check, { leases, members }: CoordinatorState): void {
  for (const { peer, leaseId, committed } of members.values()) {
    for (const id of leaseId === null ? committed : [...committed, leaseId]) {
      check(leases.get(id)?.peer === peer, () => `lease ${id} of ${peer} is gone`)
    }
  }
}

function checkSums(
  check: Check,
  { leases, round, records, tokensCounted, batchesCounted }: CoordinatorState,
): void {
  const sizes = { outstanding: 0, uploaded: 0 }
  for (const { stage, steps } of leases.values()) {
    sizes[stage === 'uploaded' ? 'uploaded' : 'outstanding'] += steps
  }
  const areSums = sizes.outstanding === round.outstanding && sizes.uploaded === round.uploaded
  check(areSums, () => 'the sums of a round are not those of its leases')
  const sum = { tokens: 0, batches: 0 }
  for (const { credit } of records.values()) {
    sum.tokens += credit.tokens
    sum.batches += credit.batches
  }
  const isCounted = sum.tokens === tokensCounted && sum.batches === batchesCounted
  check(isCounted, () => 'credit does not add up to what was counted')
}

/** Whoever did nothing wrong is struck by nobody, whatever expires or breaks. */
function checkStrikes(check: Check, { records }: CoordinatorState, { faults }: Seen): void {
  for (const [peer, { strikes }] of records) {
    check(strikes <= (faults.get(peer) ?? 0), () => `${peer} was struck for nothing`)
  }
}

function checkSizes(check: Check, state: CoordinatorState, { granted }: Seen): void {
  const { leases, members, records, config } = state
  check(leases.size <= ROUND_LEASES_MAX, () => 'there are too many leases')
  check(members.size <= config.admission.membersMax, () => 'there are too many members')
  const { leaseDeadlines, memberDeadlines } = state.derived
  const entries = leaseDeadlines.length + memberDeadlines.length
  const entriesMax = 1000 + 8 * (granted.size + members.size + records.size)
  check(entries <= entriesMax, () => `${entries} deadlines are waiting`)
}
