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
import { type RunConfig, runIdOf } from '../../protocol/run-config.ts'
import {
  blobNamed,
  digestOfText,
  exampleConfig,
  PAYLOAD_BYTES,
} from '../protocol/example-config.ts'
import { drawFor, STARTED, startedAfter } from './coin.ts'
import { checkedStep } from './invariants.ts'

const BATCHES = 30
const SCORING = { questions: 20, prompts: 0, contextTokens: 32, everyRounds: 2 }

const configOf = (trust: Trust): RunConfig =>
  exampleConfig({
    training: { batchesMax: BATCHES, roundsMax: 1000 },
    admission: { membersMax: 4 },
    audit: { trust, lookShare: 0, fullShare: 0 },
    scoring: { ...SCORING, rows: blobNamed('rows'), asked: blobNamed('asked') },
  })
type Trust = RunConfig['audit']['trust']
const PEERS = ['ann', 'bob', 'cy', 'dee', 'eve']

interface World {
  state: CoordinatorState
  at: number
}

function newWorld(config: RunConfig): World {
  const options = { base: digestOfText('base'), payloadBytes: PAYLOAD_BYTES }
  return { state: initialState(config, runIdOf(config), options), at: 0 }
}

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

/** What the coordinator is at: a piece, or the sum of all. */
function score(world: World, failed: boolean): void {
  for (const effect of pendingEffects(world.state)) {
    if (effect.type !== 'score' && effect.type !== 'sum-up-scores') continue
    const { round, adapter } = effect
    const reason = failed ? 'slow' : null
    if (effect.type === 'score') {
      const { first, rows } = effect
      const outcomes = failed ? null : outcomesOf(first, rows)
      feed(world, { type: 'piece-scored', round, adapter, first, outcomes, reason })
    } else {
      expect(effect.outcomes.length).toBe(SCORING.questions)
      feed(world, { type: 'scored', round, adapter, scores: failed ? null : { acc: 0.5 }, reason })
    }
  }
}

const outcomesOf = (first: number, rows: number, lie = 0) =>
  Array.from({ length: rows }, (_, row) => [(first + row) % 4, lie])

/** A piece that somebody has, and its holder; where nobody has any, one that is not there. */
function pieceOut({ state }: World, peer: string, back: number) {
  const out = state.scoresPending.flatMap(({ pieces }) =>
    pieces.flatMap((piece) => piece.out.map((each) => ({ ...each, ...piece }))),
  )
  const leaseId = Math.max(0, state.nextLeaseId - 1 - back)
  return out[back % out.length] ?? { leaseId, peer, first: 0, rows: 8 }
}

function answerPiece(world: World, named: string, back: number, lie: number): void {
  const { leaseId, peer, first, rows } = pieceOut(world, named, back)
  ask(world, peer, { type: 'score', leaseId, outcomes: outcomesOf(first, rows, lie) })
}

const joinRequest = ({ state: { runId } }: World): Request => ({
  runId,
  type: 'join',
  version: PROTOCOL_VERSION,
  session: 1,
  token: '',
  name: 'x',
  software: 'test',
})

function leaseRequest({ state }: World, stepMs: number | null): Request {
  const { round, base } = state.round.start
  return { type: 'lease', round, base, stepMs }
}

function commitRequest({ state }: World, leaseId: number, peer: string, steps: number): Request {
  const { round, base } = state.round.start
  const contribution: Contribution = {
    runId: state.runId,
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
  'score',
  'answer-piece',
  'answer-piece',
  'lie',
  'give-back',
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
      return void ask(world, peer, joinRequest(world))
    case 'lease':
      ask(world, peer, joinRequest(world))
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
    case 'score':
      return score(world, steps === 8)
    case 'answer-piece':
      return answerPiece(world, peer, back, 0)
    case 'lie':
      return answerPiece(world, peer, back, steps)
    case 'give-back': {
      const given = pieceOut(world, peer, back)
      const why = { cause: 'machine', reason: 'too small' } as const
      return void ask(world, given.peer, { type: 'fail', leaseId: given.leaseId, ...why })
    }
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

/** What an audit is to come to: all was right. */
function rightAnswer({ audits }: CoordinatorState, auditId: number) {
  const { kind, trace, steps, payload, tokens } = audits.get(auditId)!
  const isFull = kind === 'full'
  const whole = { payload: isFull ? payload : null, tokens: isFull ? tokens : null }
  return { ...whole, trace: trace.slice(0, steps) }
}

/** What the coordinator and the honest volunteer are to repeat. */
function audit(world: World): void {
  const { state } = world
  for (const effect of pendingEffects(state)) {
    if (effect.type !== 'audit') continue
    const { auditId } = effect.job
    feed(world, { type: 'audited', auditId, result: rightAnswer(state, auditId) })
  }
  const leaseId = state.members.get('zoe')?.auditing ?? null
  if (leaseId === null) return
  const answer = { runId: state.runId, peer: 'zoe', leaseId, ...rightAnswer(state, leaseId) }
  ask(world, 'zoe', { type: 'audit', answer, signature: new Uint8Array(64) })
}

/**
 * So often it asks for work at most: where it is on trial its work waits for the coordinator, which
 * repeats steps in a share of its time.
 */
const TURNS_MAX = 3_000

/** One honest volunteer works alone until the run is over. */
function workToTheEnd(world: World): void {
  for (const peer of PEERS) feed(world, { type: 'disconnected', peer })
  for (let turn = 0; turn < TURNS_MAX && world.state.phase !== 'finished'; turn++) {
    merge(world, 1e9)
    score(world, false)
    world.at += 1000
    ask(world, 'zoe', joinRequest(world))
    ask(world, 'zoe', leaseRequest(world, 1000))
    audit(world)
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

/** Those who come at first take leases, and pieces where there are no leases left. */
for (const { trust, here, runs } of [
  { trust: 'everyone', here: 0, runs: 100 },
  { trust: 'everyone', here: 4, runs: 25 },
  { trust: 'friends', here: 4, runs: 50 },
] as const) {
  const config = configOf(trust)
  const least = 10 * here
  test(`nothing is lost or counted twice, and the run ends: ${trust}, ${here} here`, () => {
    const many = fc.array(operation, { minLength: least, maxLength: 120 })
    const property = fc.property(many, (operations) => {
      const world = newWorld(config)
      feed(world, STARTED)
      for (let turn = 0; turn < 3 * here; turn++) {
        ask(world, PEERS[turn % here]!, joinRequest(world))
        ask(world, PEERS[turn % here]!, leaseRequest(world, 1000))
      }
      for (const each of operations) perform(world, each)
      workToTheEnd(world)
      expect(world.state.phase).toBe('finished')
      const counted = countsOf(world.state)
      expect(counted.size).toBe(BATCHES)
      for (const [batch, times] of counted) expect(times, `batch ${batch}`).toBe(1)
    })
    fc.assert(property, { numRuns: runs })
  })
}
