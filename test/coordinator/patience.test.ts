/** Whoever comes and goes, or fails, without end writes little into the journal. */
import { expect, test } from 'vitest'
import { snapshot } from '../../coordinator/snapshot.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import type { Reply, Request } from '../../protocol/messages.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'
import { requestEvent, STARTED } from './coin.ts'

const config = exampleConfig({
  training: { batchesMax: 100_000, roundsMax: null },
  round: { batchesMax: 100_000, stepsMin: 1, stepsMax: 1, seconds: 86_400 },
  admission: { membersMax: 20_000 },
})
const runId = runIdOf(config)

interface Journaled {
  state: CoordinatorState
  at: number
  entries: number
}

function newRun(): Journaled {
  const state = initialState(config, runId, {
    base: digestOfText('base'),
    payloadBytes: PAYLOAD_BYTES,
  })
  step(state, { ...STARTED, at: 0 })
  return { state, at: 0, entries: 0 }
}

function ask(run: Journaled, peer: string, request: Request, origin?: string): Reply {
  const asked = requestEvent(run.at, peer, request)
  const event = origin === undefined ? asked : { ...asked, origin }
  const { accepted, effects } = step(run.state, event)
  run.entries += Number(accepted)
  return effects.find((effect) => effect.type === 'reply')!.reply
}

function lose(run: Journaled, peer: string): void {
  const { accepted } = step(run.state, { type: 'disconnected', at: run.at, peer })
  run.entries += Number(accepted)
}

const join = (run: Journaled, peer: string, origin?: string): Reply => {
  const who = { runId: null, token: '', session: 1, name: peer, software: 'test' }
  return ask(run, peer, { type: 'join', version: PROTOCOL_VERSION, ...who }, origin)
}
const leave = (run: Journaled, peer: string) => ask(run, peer, { type: 'leave', reason: '' })

function lease(run: Journaled, peer: string): Reply {
  const { round, base } = run.state.round.start
  return ask(run, peer, { type: 'lease', round, base, stepMs: 1000 })
}

function fail(run: Journaled, peer: string, leaseId: number, reason: string): void {
  ask(run, peer, { type: 'fail', leaseId, cause: 'machine', reason })
}

/** Takes a lease and hands it in. */
function deliver(run: Journaled, peer: string): void {
  const leased = lease(run, peer)
  if (leased.type !== 'leased') throw new Error(`no lease: ${JSON.stringify(leased)}`)
  const { leaseId, round, base, firstBatch } = leased
  const payload = blobNamed(`payload ${leaseId}`)
  const work = { runId, round, base, leaseId, peer, firstBatch, steps: 1, tokens: 1, loss: 1 }
  const contribution = { ...work, trace: [digestOfText('step')], payload, stepMs: 1000 }
  ask(run, peer, { type: 'commit', contribution, signature: new Uint8Array(64) })
  step(run.state, { type: 'payload-stored', at: run.at, leaseId })
}

const HOUR_MS = 3_600_000
const PAUSE_MS = 100

for (const [what, turn, entriesPerTurn] of [
  [
    'joins and leaves',
    (run) => {
      join(run, 'eve')
      leave(run, 'eve')
    },
    2,
  ],
  [
    'joins and hangs up',
    (run) => {
      join(run, 'eve')
      lose(run, 'eve')
    },
    2,
  ],
  [
    'takes leases and gives them back',
    (run) => {
      if (run.at === PAUSE_MS) join(run, 'eve')
      const leased = lease(run, 'eve')
      if (leased.type === 'leased') fail(run, 'eve', leased.leaseId, `${run.at}`)
    },
    2,
  ],
] as [string, (run: Journaled) => void, number][]) {
  test(`an identity that ${what} for an hour writes little`, () => {
    const run = newRun()
    for (run.at = PAUSE_MS; run.at < HOUR_MS; run.at += PAUSE_MS) turn(run)
    // Twenty at once, and one a minute.
    expect(run.entries).toBeGreaterThan(20 * entriesPerTurn)
    expect(run.entries).toBeLessThanOrEqual((20 + 60 + 1) * entriesPerTurn)
  })
}

test('new identities from one place write little, and keep nobody else out', () => {
  const run = newRun()
  for (run.at = 0; run.at < 1_000_000; run.at += PAUSE_MS) {
    join(run, `eve ${run.at}`, 'there')
    leave(run, `eve ${run.at}`)
  }
  expect(run.entries).toBeGreaterThan(2 * 1_000)
  expect(run.entries).toBeLessThanOrEqual(2 * (256 + 1_000 + 1))
  expect(join(run, 'mallory', 'there')).toMatchObject({ refusal: 'too-often' })
  expect(join(run, 'ann', 'here').type).toBe('joined')
  expect(join(run, 'bob').type).toBe('joined')
})

test('a school that comes at once is let in, and its links may break at once', () => {
  const run = newRun()
  for (let time = 0; time < 10; time++) {
    for (let pupil = 0; pupil < 250; pupil++) {
      expect(join(run, `pupil ${pupil}`, 'school').type).toBe('joined')
      lose(run, `pupil ${pupil}`)
    }
  }
})

test('whose work arrives may come and go as often as before', () => {
  const run = newRun()
  for (let time = 0; time < 200; time++) {
    run.at += PAUSE_MS
    expect(join(run, 'ann').type, `${time}`).toBe('joined')
    if (time % 15 === 14) deliver(run, 'ann')
    lose(run, 'ann')
  }
})

test('how long to wait is said, and after it there is no wait', () => {
  const run = newRun()
  for (let time = 0; time < 20; time++) {
    join(run, 'eve')
    leave(run, 'eve')
  }
  const reason = 'too many came for nothing: come back in 60 s'
  expect(join(run, 'eve')).toEqual({ type: 'refused', refusal: 'too-often', reason })
  run.at += 60_000
  expect(join(run, 'eve').type).toBe('joined')
  expect(lease(run, 'eve')).toMatchObject({ type: 'wait', retryMs: 60_000 })
})

test('what was forgotten takes no memory, and a restart forgets all', () => {
  const run = newRun()
  for (let time = 0; time < 10_000; time++) {
    run.at += 1_000
    join(run, `guest ${time}`, `place ${time}`)
    leave(run, `guest ${time}`)
  }
  expect(run.state.patience.peers.size).toBeLessThanOrEqual(61)
  expect(run.state.patience.origins.size).toBeLessThanOrEqual(2)
  expect(snapshot(run.state).length).toBeLessThan(16_384)
  step(run.state, { ...STARTED, at: run.at })
  expect(run.state.patience).toEqual({ peers: new Map(), origins: new Map() })
})
