/**
 * Anything in any order: a coordinator that is fed nonsense, late answers and forgeries keeps its
 * ledger, and once only honest work comes in, the run finishes. fast-check prints the seed of a
 * failure.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { pendingEffects } from '../../coordinator/pending.ts'
import { restore, snapshot } from '../../coordinator/snapshot.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { nextDeadline } from '../../coordinator/step.ts'
import type { Unstamped } from '../../node/clock.ts'
import { PROTOCOL_VERSION } from '../../protocol/limits.ts'
import type { Contribution, Request } from '../../protocol/messages.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'
import { drawFor, STARTED, startedAfter } from './coin.ts'
import { checkedStep } from './invariants.ts'

const config = exampleConfig({
  training: { batchesMax: 30, roundsMax: 1000 },
  admission: { membersMax: 4 },
})
const runId = runIdOf(config)
const PEERS = ['ann', 'bob', 'cy', 'dee', 'eve']

interface World {
  state: CoordinatorState
  at: number
}

const newWorld = (): World => ({
  state: initialState(config, runId, { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES }),
  at: 0,
})

function feed(world: World, event: Unstamped<CoordinatorEvent>): CoordinatorEffect[] {
  return checkedStep(world.state, { ...event, at: world.at } as CoordinatorEvent).effects
}

function ask(world: World, peer: string, request: Request, genuine = true) {
  return feed(world, { type: 'request', peer, requestId: 0, request, genuine, ...drawFor(request) })
}

function merge(world: World, rejectedEvery: number): void {
  for (const effect of pendingEffects(world.state)) {
    if (effect.type !== 'aggregate') continue
    const { round, attempt, contributions } = effect.job
    const refused = contributions.filter((_, index) => index % rejectedEvery === rejectedEvery - 1)
    const aggregate = {
      adapter: digestOfText(`adapter ${round + 1}`),
      checkpoint: blobNamed('checkpoint'),
      update: blobNamed('update'),
      moment: null,
      outerState: blobNamed('outer'),
      manifest: blobNamed('manifest'),
      rejected: refused.map(({ leaseId }) => ({ leaseId, reason: 'beyond the bound' })),
      contrary: [],
    }
    feed(world, { type: 'aggregated', round, attempt, aggregate })
  }
}

const join = {
  type: 'join',
  version: PROTOCOL_VERSION,
  session: 1,
  runId,
  token: '',
  name: 'x',
  software: 'test',
} as const

function leaseRequest({ state }: World, stepMs: number | null): Request {
  const { round, base } = state.round.start
  return { type: 'lease', round, base, stepMs }
}

function commitRequest({ state }: World, leaseId: number, peer: string, steps: number): Request {
  const { round, base } = state.round.start
  const contribution: Contribution = {
    runId,
    round,
    leaseId,
    peer,
    base,
    steps,
    firstBatch: state.leases.get(leaseId)?.firstBatch ?? 0,
    tokens: steps,
    loss: 1,
    trace: Array.from({ length: steps }, (_, k) => digestOfText(`${leaseId} ${k}`)),
    payload: blobNamed(`payload ${leaseId}`),
    stepMs: 1000,
  }
  return { type: 'commit', contribution, signature: new Uint8Array(64) }
}

const OPERATIONS = [
  'join',
  'lease',
  'lease',
  'lease',
  'commit',
  'commit',
  'commit',
  'stored',
  'stored',
  'stored',
  'broken',
  'upload',
  'lost',
  'leave',
  'tick',
  'merge',
  'merge',
  'restart',
  'kick',
  'unban',
  'rewind',
  'wait',
  'forge',
] as const

const operation = fc.record({
  what: fc.constantFrom(...OPERATIONS),
  peer: fc.constantFrom(...PEERS),
  /** Which lease: counted back from the newest. */
  back: fc.nat(4),
  steps: fc.integer({ min: 1, max: 8 }),
  ms: fc.nat(30_000),
})
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

function perform(world: World, { what, peer, back, steps, ms }: Operation): void {
  const leaseId = Math.max(0, world.state.nextLeaseId - 1 - back)
  // Mostly the right peer, or nothing would ever be committed.
  const holder = world.state.leases.get(leaseId)?.peer ?? peer
  switch (what) {
    case 'join':
      return void ask(world, peer, join)
    case 'lease':
      ask(world, peer, join)
      return void ask(world, peer, leaseRequest(world, steps === 1 ? null : steps * 1000))
    case 'commit':
      return void ask(world, holder, commitRequest(world, leaseId, holder, steps))
    case 'forge':
      return void ask(world, peer, commitRequest(world, leaseId, holder, steps), steps > 1)
    case 'stored':
      return void feed(world, { type: 'payload-stored', leaseId })
    case 'broken':
      return void feed(world, { type: 'payload-refused', leaseId, reason: 'not the payload' })
    case 'upload': {
      const payload = blobNamed(`payload ${leaseId}`)
      return void ask(world, holder, { type: 'upload', leaseId, payload })
    }
    case 'lost':
      return void feed(world, { type: 'disconnected', peer })
    case 'leave':
      return void ask(world, peer, { type: 'leave', reason: 'enough' })
    case 'tick':
      world.at = Math.max(world.at, nextDeadline(world.state) ?? 0)
      return void feed(world, { type: 'tick' })
    case 'merge':
      return merge(world, 1 + steps)
    case 'restart':
      world.state = restore(snapshot(world.state))
      if (steps > 4) world.at = 0
      return void feed(world, startedAfter(world.state.coinsPublished))
    case 'kick':
      return void feed(world, { type: 'kicked', peer, reason: 'enough' })
    case 'rewind':
      return void feed(world, { type: 'rewound', round: back })
    case 'unban':
      return void feed(world, { type: 'unbanned', peer })
    case 'wait':
      world.at += ms
      return
  }
}

/** One honest volunteer works alone until the run is over. */
function workToTheEnd(world: World): void {
  for (const peer of PEERS) feed(world, { type: 'disconnected', peer })
  for (let turn = 0; turn < 200 && world.state.phase !== 'finished'; turn++) {
    merge(world, 1e9)
    world.at += 1000
    ask(world, 'zoe', join)
    ask(world, 'zoe', leaseRequest(world, 1000))
    const leaseId = world.state.members.get('zoe')?.leaseId ?? null
    if (leaseId === null) {
      world.at = Math.max(world.at, nextDeadline(world.state) ?? 0)
      feed(world, { type: 'tick' })
      continue
    }
    const { steps } = world.state.leases.get(leaseId)!
    world.at += steps * 1000
    ask(world, 'zoe', commitRequest(world, leaseId, 'zoe', steps))
    feed(world, { type: 'payload-stored', leaseId })
  }
}

/** How often each batch is counted, by the merges that were made, less what was taken back. */
function countsOf({ history }: CoordinatorState): Map<number, number> {
  const counted = new Map<number, number>()
  for (const { firstBatch, steps } of history.flatMap(({ contributions }) => contributions)) {
    for (let batch = firstBatch; batch < firstBatch + steps; batch++) {
      counted.set(batch, (counted.get(batch) ?? 0) + 1)
    }
  }
  return counted
}

test('whatever happens, nothing is lost or counted twice, and the run can be finished', () => {
  const property = fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
    const world = newWorld()
    feed(world, STARTED)
    for (const each of operations) perform(world, each)
    workToTheEnd(world)
    expect(world.state.phase).toBe('finished')
    const counted = countsOf(world.state)
    expect(counted.size).toBe(config.training.batchesMax)
    for (const [batch, times] of counted) expect(times, `batch ${batch}`).toBe(1)
  })
  fc.assert(property, { numRuns: 150 })
})
