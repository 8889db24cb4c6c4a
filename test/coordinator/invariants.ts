/** What must hold of a coordinator's state after every event, whatever happened. */
import { expect } from 'vitest'
import { checkLedger } from '../../coordinator/assignment.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { Outcome } from '../../coordinator/outcome.ts'
import { addPace, hereOf, settle } from '../../coordinator/roster.ts'
import { snapshot } from '../../coordinator/snapshot.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { tallyOf } from '../../coordinator/tally.ts'

export function checkState(state: CoordinatorState): void {
  const { ledger, leases, members, round, config, phase } = state
  const held = [...leases.values()]
  checkLedger(
    ledger,
    held.map(({ firstBatch, steps }) => ({ start: firstBatch, end: firstBatch + steps })),
  )
  const batchesIn = (stages: string[]) =>
    held.reduce((sum, { stage, steps }) => sum + (stages.includes(stage) ? steps : 0), 0)
  expect(round.outstanding, 'outstanding').toBe(batchesIn(['leased', 'committed', 'stored']))
  const awaited = held.filter(({ isExpected, stage }) => isExpected && stage !== 'uploaded')
  const awaitedSteps = awaited.reduce((sum, { steps }) => sum + steps, 0)
  expect(round.awaited, 'awaited').toBe(awaitedSteps)
  expect(state.derived.tally, 'the tally follows').toEqual(tallyOf(held))
  expect(round.uploaded, 'uploaded').toBe(batchesIn(['uploaded']))
  expect(state.batchesCounted, 'counted').toBe(
    ledger.counted.reduce((sum, { start, end }) => sum + end - start, 0),
  )
  checkCredit(state)
  expect(ledger.next, 'no batch beyond the run').toBeLessThanOrEqual(config.training.batchesMax)
  expect(round.outstanding + round.uploaded, 'budget').toBeLessThanOrEqual(round.budget)
  if (phase === 'waiting' || phase === 'finished') expect(leases.size, 'no lease').toBe(0)
  for (const { leaseId, peer, stage, deadlineAt, commitment } of held) {
    expect(deadlineAt === null, `lease ${leaseId} has a deadline`).toBe(stage !== 'leased')
    expect(commitment === null, `lease ${leaseId} is committed`).toBe(stage === 'leased')
    const member = members.get(peer)
    if (stage === 'leased') expect(member?.leaseId, 'the holder knows').toBe(leaseId)
    if (stage === 'committed') expect(member?.committed, 'the holder knows').toContain(leaseId)
  }
  checkAudits(state)
  const pace = { speed: 0, untimedCount: 0 }
  for (const member of members.values()) addPace(pace, member, 1)
  expect(state.derived.pace).toEqual(pace)
  for (const { leaseId, committed } of members.values()) {
    if (leaseId !== null) expect(leases.get(leaseId)?.stage).toBe('leased')
    for (const id of committed) expect(leases.get(id)?.stage).toBe('committed')
  }
}

/** Credit is what the merged rounds hold of a peer, and no more. */
function checkCredit({ history, records, tokensCounted }: CoordinatorState): void {
  const merged = history.flatMap(({ contributions }) => contributions)
  for (const [peer, { credit }] of records) {
    const own = merged.filter((contribution) => contribution.peer === peer)
    expect(credit, `credit of ${peer}`).toEqual({
      contributions: own.length,
      tokens: sumOf(own.map(({ tokens }) => tokens)),
      batches: sumOf(own.map(({ steps }) => steps)),
    })
  }
  expect(tokensCounted, 'tokens counted').toBe(sumOf(merged.map(({ tokens }) => tokens)))
}

const sumOf = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0)

/** Each audit is with one that knows of it, and is not forgotten there. */
function checkAudits({ audits, members, own, derived }: CoordinatorState): void {
  const ours: number[] = []
  for (const { auditId, stage, auditor, deadlineAt } of audits.values()) {
    const isOwn = ['own', 'disputed', 'canary'].includes(stage)
    expect(deadlineAt === null, `audit ${auditId} has a deadline`).toBe(isOwn)
    if (isOwn) ours.push(auditId)
    const member = members.get(auditor ?? '')
    if (stage === 'assigned' || stage === 'out') {
      expect(member?.audits, `the auditor of ${auditId} knows`).toContain(auditId)
    }
    expect(member?.auditing === auditId, `audit ${auditId} is ${stage}`).toBe(stage === 'out')
  }
  expect(own.queue.toSorted(), 'its own audits').toEqual(ours.toSorted())
  expect(own.begunAt === null, 'it works on the first').toBe(own.queue.length === 0)
  for (const { audits: waiting } of members.values()) {
    for (const auditId of waiting)
      expect(audits.has(auditId), `audit ${auditId} is there`).toBe(true)
  }
  expect(derived.here, 'who is here').toEqual(hereOf(members.values()))
  const groups = { places: new Map(), blocks: new Map(), invites: new Map() }
  for (const member of members.values()) settle(groups, member)
  const { places, blocks, invites } = derived
  expect({ places, blocks, invites }, 'who belongs together').toEqual(groups)
}

/** A step with all checks: what is not accepted leaves no trace, what is accepted goes forward. */
export function checkedStep(state: CoordinatorState, event: CoordinatorEvent): Outcome {
  const before = snapshot(state)
  const roundBefore = state.round.start.round
  const strikesBefore = strikesIn(state)
  const outcome = step(state, event)
  if (!outcome.accepted) expect(snapshot(state), `${event.type} changed nothing`).toEqual(before)
  else checkState(state)
  // Whoever is let in again has none any more.
  if (event.type !== 'unbanned' && !isFault(event)) {
    expect(strikesIn(state), 'no strike without a fault').toBe(strikesBefore)
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
