/** What grows with a run stays within the limits of the wire. */
import { expect, test } from 'vitest'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { statusOf } from '../../coordinator/status.ts'
import { step } from '../../coordinator/step.ts'
import { MESSAGE_BYTES_MAX, PROTOCOL_VERSION, ROUND_LEASES_MAX } from '../../protocol/limits.ts'
import { encodeReply, type Reply, type Request } from '../../protocol/messages.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'
import { requestEvent, STARTED } from './coin.ts'

const config = exampleConfig({
  training: { batchesMax: 1_000_000, roundsMax: 1000 },
  round: { batchesMax: 1_000_000, stepsMin: 1, stepsMax: 1, seconds: 86_400 },
  admission: { membersMax: 200 },
})
const runId = runIdOf(config)

function newState(): CoordinatorState {
  const state = initialState(config, runId, {
    base: digestOfText('base'),
    payloadBytes: PAYLOAD_BYTES,
  })
  step(state, { ...STARTED, at: 0 })
  return state
}

function ask(state: CoordinatorState, peer: string, request: Request): Reply {
  const [effect] = step(state, requestEvent(1, peer, request)).effects
  return (effect as { reply: Reply }).reply
}

function join(state: CoordinatorState, peer: string): void {
  const name = 'n'.repeat(64)
  ask(state, peer, {
    type: 'join',
    version: PROTOCOL_VERSION,
    session: 1,
    runId,
    token: '',
    name,
    software: 'test',
  })
}

/** One more contribution, stored. */
function contribute(state: CoordinatorState, peer: string): Reply {
  const { round, base } = state.round.start
  const reply = ask(state, peer, { type: 'lease', round, base, stepMs: 1 })
  if (reply.type !== 'leased') return reply
  const { leaseId, firstBatch } = reply
  const contribution = {
    runId,
    round,
    leaseId,
    peer,
    base,
    firstBatch,
    steps: 1,
    tokens: 1,
    loss: 1,
    trace: [digestOfText('step')],
    payload: blobNamed(`payload ${leaseId}`),
    stepMs: 1,
  }
  ask(state, peer, { type: 'commit', contribution, signature: new Uint8Array(64) })
  step(state, { type: 'payload-stored', at: 1, leaseId })
  return reply
}

function merge(state: CoordinatorState, lossOf: (round: number) => number): void {
  for (const at of [1e9, 2e9]) step(state, { type: 'tick', at })
  const { round } = state.round.start
  const blob = blobNamed(`round ${round}`)
  const aggregate = {
    checkpoint: blob,
    update: blob,
    moment: null,
    outerState: blob,
    manifest: blob,
    adapter: blob.digest,
    rejected: [],
    contrary: [],
  }
  const attempt = state.mergesAsked
  step(state, { type: 'aggregated', at: 2e9, round, attempt, aggregate })
  step(state, { type: 'evaluated', at: 2e9, round: round + 1, loss: lossOf(round + 1) })
}

test('the status of many members and rounds fits a message, with base and best adapter', () => {
  const state = newState()
  step(state, { type: 'evaluated', at: 0, round: 0, loss: 7 })
  for (let member = 0; member < 100; member++) join(state, `12D3KooW${'x'.repeat(44)}${member}`)
  const [peer = ''] = state.members.keys()
  for (let round = 0; round < 100; round++) {
    contribute(state, peer)
    // Round 5 is the best of all.
    merge(state, (round) => 1 + Math.abs(round - 5))
  }
  const status = statusOf(state)
  expect(status.participantCount).toBe(100)
  expect(status.participants).toHaveLength(64)
  expect(status.participants[0]).toMatchObject({
    peer,
    credit: { tokens: 100, batches: 100, contributions: 100 },
  })
  expect(status.evaluations).toHaveLength(64)
  expect(status.evaluations[0]).toEqual({ round: 0, loss: 7 })
  expect(status.evaluations[1]).toEqual({ round: 5, loss: 1 })
  expect(status.evaluations[2]!.round).toBe(39)
  expect(status.evaluations.at(-1)!.round).toBe(100)
  expect(
    encodeReply({ type: 'status', status, own: status.participants[0]!.credit }).length,
  ).toBeLessThan(MESSAGE_BYTES_MAX)
})

test('a round lends no more leases than its manifest can list', () => {
  const state = newState()
  join(state, 'ann')
  contribute(state, 'ann')
  const [held] = state.leases.values()
  for (let last = 1; last <= ROUND_LEASES_MAX - 2; last++) {
    const firstBatch = state.nextLeaseId
    state.leases.set(state.nextLeaseId, { ...held!, leaseId: state.nextLeaseId, firstBatch })
    state.nextLeaseId += 1
  }
  expect(contribute(state, 'ann')).toMatchObject({ type: 'leased' })
  expect(state.leases.size).toBe(ROUND_LEASES_MAX)
  expect(contribute(state, 'ann')).toMatchObject({ type: 'wait' })
  expect(state.leases.size).toBe(ROUND_LEASES_MAX)
})

test('who never did anything is forgotten when it goes', () => {
  const state = newState()
  for (let member = 0; member < 1000; member++) {
    join(state, `guest ${member}`)
    ask(state, `guest ${member}`, { type: 'leave', reason: '' })
  }
  expect(state.members.size).toBe(0)
  expect(state.records.size).toBe(0)
})

test('a snapshot of another version, or damaged, is refused', () => {
  const bytes = snapshot(newState())
  expect(snapshot(restore(bytes))).toEqual(bytes)
  expect(() => restore(bytes.subarray(1))).toThrow()
  const version = Buffer.from(bytes).lastIndexOf('version') + 7
  const later = Uint8Array.from(bytes)
  later[version]! += 1
  expect(() => restore(later)).toThrow("'snapshot.version' as it must be one of")
})
