/** What must hold of a coordinator's state after every event, whatever happened. */
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { checkLedger } from '../../coordinator/assignment.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { Outcome } from '../../coordinator/outcome.ts'
import { addPace, hereOf, settle } from '../../coordinator/roster.ts'
import { ALIKE } from '../../coordinator/score-pieces.ts'
import { snapshot } from '../../coordinator/snapshot.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { tallyOf } from '../../coordinator/tally.ts'

/** They are equal; `toEqual` is asked only where they seem not to be, as it takes its time. */
function same(actual: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, what).toEqual(expected)
}

export function checkState(state: CoordinatorState): void {
  const { ledger, leases, members, round, config, phase } = state
  const held = [...leases.values()]
  checkLedger(
    ledger,
    held.map(({ firstBatch, steps }) => ({ start: firstBatch, end: firstBatch + steps })),
  )
  const batchesIn = (stages: string[]) =>
    held.reduce((sum, { stage, steps }) => sum + (stages.includes(stage) ? steps : 0), 0)
  same(round.outstanding, batchesIn(['leased', 'committed', 'stored']), 'outstanding')
  const awaited = held.filter(({ isExpected, stage }) => isExpected && stage !== 'uploaded')
  const awaitedSteps = awaited.reduce((sum, { steps }) => sum + steps, 0)
  same(round.awaited, awaitedSteps, 'awaited')
  same(state.derived.tally, tallyOf(held), 'the tally follows')
  same(round.uploaded, batchesIn(['uploaded']), 'uploaded')
  const counted = ledger.counted.reduce((sum, { start, end }) => sum + end - start, 0)
  same(state.batchesCounted, counted, 'counted')
  checkCredit(state)
  expect(ledger.next, 'no batch beyond the run').toBeLessThanOrEqual(config.training.batchesMax)
  expect(round.outstanding + round.uploaded, 'budget').toBeLessThanOrEqual(round.budget)
  if (phase === 'waiting' || phase === 'finished') same(leases.size, 0, 'no lease')
  for (const { leaseId, peer, stage, deadlineAt, commitment } of held) {
    same(deadlineAt === null, stage !== 'leased', `lease ${leaseId} has a deadline`)
    same(commitment === null, stage === 'leased', `lease ${leaseId} is committed`)
    const member = members.get(peer)
    if (stage === 'leased') same(member?.leaseId, leaseId, 'the holder knows')
    if (stage === 'committed') same(member?.committed.includes(leaseId), true, 'the holder knows')
  }
  checkAudits(state)
  checkScores(state)
  const pace = { speed: 0, untimedCount: 0 }
  for (const member of members.values()) addPace(pace, member, 1)
  same(state.derived.pace, pace, 'the pace')
  for (const { leaseId, committed } of members.values()) {
    if (leaseId !== null) same(leases.get(leaseId)?.stage, 'leased', 'what is held')
    for (const id of committed) same(leases.get(id)?.stage, 'committed', 'what is handed in')
  }
}

/** Credit is what the merged rounds hold of a peer, and no more. */
function checkCredit({ history, records, tokensCounted }: CoordinatorState): void {
  const merged = history.flatMap(({ contributions }) => contributions)
  for (const [peer, { credit }] of records) {
    const own = merged.filter((contribution) => contribution.peer === peer)
    const expected = {
      contributions: own.length,
      tokens: sumOf(own.map(({ tokens }) => tokens)),
      batches: sumOf(own.map(({ steps }) => steps)),
    }
    same(credit, expected, `credit of ${peer}`)
  }
  same(tokensCounted, sumOf(merged.map(({ tokens }) => tokens)), 'tokens counted')
}

const sumOf = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0)

/** Each audit is with one that knows of it, and is not forgotten there. */
function checkAudits({ audits, members, own, derived }: CoordinatorState): void {
  const ours: number[] = []
  for (const { auditId, stage, auditor, deadlineAt } of audits.values()) {
    const isOwn = ['own', 'disputed', 'canary'].includes(stage)
    same(deadlineAt === null, isOwn, `audit ${auditId} has a deadline`)
    if (isOwn) ours.push(auditId)
    const member = members.get(auditor ?? '')
    if (stage === 'assigned' || stage === 'out') {
      same(member?.audits.includes(auditId), true, `the auditor of ${auditId} knows`)
    }
    same(member?.auditing === auditId, stage === 'out', `audit ${auditId} is ${stage}`)
  }
  same(own.queue.toSorted(), ours.toSorted(), 'its own audits')
  same(own.begunAt === null, own.queue.length === 0, 'it works on the first')
  for (const { audits: waiting } of members.values()) {
    for (const auditId of waiting) same(audits.has(auditId), true, `audit ${auditId} is there`)
  }
  same(derived.here, hereOf(members.values()), 'who is here')
  const groups = { places: new Map(), blocks: new Map(), invites: new Map() }
  for (const member of members.values()) settle(groups, member)
  const { places, blocks, invites } = derived
  same({ places, blocks, invites }, groups, 'who belongs together')
}

/** Each piece is with members that know of it, and what is known of it lets it be summed up. */
function checkScores({ scoresPending, members, config, records, nextLeaseId }: CoordinatorState) {
  const known = new Map<number, string>()
  for (const [place, { begunAt, own, pieces, answers }] of scoresPending.entries()) {
    same(begunAt !== null, place === 0, 'the first has begun')
    const rows = sumOf(pieces.map((piece) => piece.rows))
    same(rows, config.scoring!.questions + config.scoring!.prompts, 'all rows are in a piece')
    const isLeft = pieces.some(({ outcomes }) => outcomes === null)
    if (place === 0 && own === null) same(isLeft, false, 'a sum has all it needs')
    for (const { first, out, outcomes } of pieces) {
      const said = answers.filter((each) => each.first === first)
      if (outcomes !== null) same(out, [], `nobody is at rows ${first}, which are done`)
      else expect(out.length + said.length, `those at rows ${first}`).toBeLessThanOrEqual(ALIKE)
      const peers = [...out, ...said].map(({ peer }) => peer)
      same(new Set(peers).size, peers.length, `each at rows ${first} is another`)
      for (const { leaseId, peer } of out) {
        same(members.get(peer)?.scoring, leaseId, `the one at rows ${first} knows`)
        known.set(leaseId, peer)
      }
    }
    for (const { peer, leaseId } of answers) {
      expect(leaseId, 'it was handed out').toBeLessThan(nextLeaseId)
      same(records.get(peer)?.banned ?? null, null, `${peer}, who said something, is let in`)
    }
  }
  for (const { peer, scoring } of members.values()) {
    if (scoring !== null) same(known.get(scoring), peer, `rows ${scoring} are there`)
  }
}

/** A step with all checks: what is not accepted leaves no trace, what is accepted goes forward. */
export function checkedStep(state: CoordinatorState, event: CoordinatorEvent): Outcome {
  const before = snapshot(state)
  const roundBefore = state.round.start.round
  const strikesBefore = strikesIn(state)
  const outcome = step(state, event)
  if (!outcome.accepted) same(snapshot(state), before, `${event.type} changed nothing`)
  else checkState(state)
  // Whoever is let in again has none any more.
  if (event.type !== 'unbanned' && !isFault(event)) {
    same(strikesIn(state), strikesBefore, 'no strike without a fault')
  }
  if (event.type !== 'rewound') {
    expect(state.round.start.round, 'rounds go forward').toBeGreaterThanOrEqual(roundBefore)
  }
  return outcome
}

function strikesIn({ records }: CoordinatorState): number {
  return Array.from(records.values()).reduce((sum, { strikes }) => sum + strikes, 0)
}

/** What no honest volunteer's doing brings about: an expired lease, for one, is not among it. */
function isFault(event: CoordinatorEvent): boolean {
  if (event.type === 'request') {
    return ['commit', 'audit'].includes(event.request.type) && !event.genuine
  }
  if (event.type === 'aggregated') return event.aggregate.rejected.length > 0
  return event.type === 'payload-refused'
}
