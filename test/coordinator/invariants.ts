/** What must hold of a coordinator's state after every event, whatever happened. */
import { expect } from 'vitest'
import { checkLedger } from '../../coordinator/assignment.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import type { Outcome } from '../../coordinator/outcome.ts'
import { countIndexes } from '../../coordinator/ranges.ts'
import { addPace } from '../../coordinator/roster.ts'
import { snapshot } from '../../coordinator/snapshot.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'

export function checkState(state: CoordinatorState): void {
  const { ledger, leases, members, round, config, phase } = state
  const held = [...leases.values()]
  checkLedger(
    ledger,
    held.map(({ firstBatch, steps }) => ({ start: firstBatch, end: firstBatch + steps })),
  )
  const batchesIn = (stages: string[]) =>
    held.reduce((sum, { stage, steps }) => sum + (stages.includes(stage) ? steps : 0), 0)
  expect(round.outstanding, 'outstanding').toBe(batchesIn(['leased', 'committed']))
  expect(round.uploaded, 'uploaded').toBe(batchesIn(['uploaded']))
  expect(state.batchesCounted, 'counted').toBe(countIndexes(ledger.counted))
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
  const pace = { speed: 0, untimedCount: 0 }
  for (const member of members.values()) addPace(pace, member, 1)
  expect(state.derived.pace).toEqual(pace)
  for (const { leaseId, committed } of members.values()) {
    if (leaseId !== null) expect(leases.get(leaseId)?.stage).toBe('leased')
    for (const id of committed) expect(leases.get(id)?.stage).toBe('committed')
  }
}

/** A step with all checks: what is not accepted leaves no trace, what is accepted goes forward. */
export function checkedStep(state: CoordinatorState, event: CoordinatorEvent): Outcome {
  const before = snapshot(state)
  const roundBefore = state.round.start.round
  const outcome = step(state, event)
  if (!outcome.accepted) expect(snapshot(state), `${event.type} changed nothing`).toEqual(before)
  else checkState(state)
  expect(state.round.start.round, 'rounds only go forward').toBeGreaterThanOrEqual(roundBefore)
  return outcome
}
