/**
 * Both state machines against each other on a virtual clock: whatever breaks, every batch counts
 * exactly once. First safety (things break), then liveness (they stop breaking, the run finishes).
 * A failure names its seed: `SEED=n npx vitest run test/coordinator/virtual-network.test.ts`.
 */
import { expect, test } from 'vitest'
import { concatBytes, digestOf } from '../../protocol/digest.ts'
import { nextBelow, nextFraction } from '../../protocol/prng.ts'
import { exampleConfig } from '../protocol/example-config.ts'
import {
  createVirtualNetwork,
  type NetworkOptions,
  type VirtualNetwork,
} from './virtual-network.ts'

const DAY_MS = 86_400_000

const ann = { name: 'ann', stepMs: 1000 }
const bob = { name: 'bob', stepMs: 2500 }
const cy = { name: 'cy', stepMs: 7000, uploadMs: 4000 }

function start(options: Partial<NetworkOptions>): VirtualNetwork {
  return createVirtualNetwork({ config: exampleConfig(), volunteers: [ann, bob, cy], ...options })
}

/** Runs to the end and checks that each batch of the run counted once. */
function finish(network: VirtualNetwork, timeMax = DAY_MS): void {
  const isOver = () =>
    network.coordinator.phase === 'finished' && network.coordinator.evaluationsPending.length === 0
  network.runUntil(isOver, timeMax)
  expect(network.coordinator.phase, network.logs.slice(-20).join('\n')).toBe('finished')
  const { batchesMax, roundsMax } = network.coordinator.config.training
  const { batchesCounted, round } = network.coordinator
  for (const [batch, times] of network.counted) expect(times, `batch ${batch} counts once`).toBe(1)
  expect(network.counted.size).toBe(batchesCounted)
  expect(batchesCounted === batchesMax || round.start.round === roundsMax).toBe(true)
  const rounds = network.coordinator.evaluations.map((evaluation) => evaluation.round)
  expect(rounds, 'each round is evaluated').toEqual(Array.from(rounds, (_, index) => index))
  expect(rounds.at(-1)).toBe(round.start.round)
}

for (const volunteers of [[ann], [ann, bob], [ann, bob, cy, { name: 'dee', stepMs: 40_000 }]]) {
  test(`${volunteers.length} volunteers finish the run and go home`, () => {
    const network = start({ volunteers })
    finish(network)
    network.runUntil(() => false, network.now + 60_000)
    for (const { name } of volunteers) expect(network.exitOf(name)).toBe('finished')
  })
}

test('the batches of a dead volunteer are done by the living', () => {
  const network = start({})
  network.runUntil(() => network.coordinator.members.get('bob')?.leaseId != null, DAY_MS)
  network.kill('bob', null)
  finish(network)
  expect(network.coordinator.records.has('bob')).toBe(false)
})

test('a late volunteer takes part', () => {
  const network = start({ volunteers: [cy] })
  network.runUntil(() => network.coordinator.round.start.round === 1, DAY_MS)
  network.add(ann)
  finish(network)
  expect(network.coordinator.records.get('ann')!.contributions).toBeGreaterThan(0)
})

test('a broken link loses no work: the lease is committed after the return', () => {
  const network = start({ volunteers: [{ name: 'ann', stepMs: 3000 }] })
  network.runUntil(() => network.now > 3000 && network.coordinator.leases.size > 0, DAY_MS)
  const [leaseId] = network.coordinator.leases.keys()
  network.breakLink('ann')
  network.runUntil(() => network.coordinator.leases.get(leaseId!)?.stage === 'uploaded', DAY_MS)
  const { steps } = network.coordinator.leases.get(leaseId!)!
  expect(steps).toBe(network.coordinator.config.round.stepsMin)
  finish(network)
})

test('who leaves hands in the prefix first', () => {
  const network = start({ volunteers: [ann, { name: 'bob', stepMs: 3000 }] })
  const leased = () => network.coordinator.members.get('bob')?.leaseId ?? null
  const isSecondLease = () =>
    leased() !== null && network.coordinator.leases.get(leased()!)!.steps > 2
  network.runUntil(isSecondLease, DAY_MS)
  const leaseId = leased()!
  const { steps } = network.coordinator.leases.get(leaseId)!
  network.runUntil(() => false, network.now + 3500)
  network.leave('bob')
  network.runUntil(() => network.exitOf('bob') !== null, DAY_MS)
  expect(network.exitOf('bob')).toBe('left')
  const held = network.coordinator.leases.get(leaseId)!
  expect(held.stage).toBe('uploaded')
  expect(held.steps).toBeLessThan(steps)
  finish(network)
})

test('the same seed is the same run, to the last event', () => {
  const digests = [1, 2].map(() => {
    const network = start({ seed: 5 })
    finish(network)
    return digestOf(concatBytes(...network.journal))
  })
  expect(digests[0]).toBe(digests[1])
  const other = start({ seed: 6 })
  finish(other)
  expect(digestOf(concatBytes(...other.journal))).not.toBe(digests[0])
})

const eventsOfQuietRun = (): number => {
  let count = 0
  const network = start({ volunteers: [ann, bob] })
  network.crashAt = (_, eventCount) => {
    count = eventCount
    return null
  }
  finish(network)
  return count
}

for (const when of ['before', 'after'] as const) {
  test(`the coordinator may die ${when} any event is journaled, its effects undone`, () => {
    const events = eventsOfQuietRun()
    expect(events).toBeGreaterThan(40)
    for (let at = 1; at <= events; at++) {
      const network = start({ volunteers: [ann, bob] })
      network.crashAt = (_, count) => (count === at ? when : null)
      finish(network)
    }
  })
}

/** One random misfortune. */
function misfortune(network: VirtualNetwork, names: string[]): void {
  const { random } = network
  const name = names[nextBelow(random, names.length)]!
  const pauseMs = nextFraction(random) * 40_000
  const kinds = [
    () => network.breakLink(name),
    () => network.breakLink(name),
    () => network.kill(name, pauseMs),
    () => network.restartCoordinator(pauseMs),
    () => {
      for (const each of names) network.breakLink(each)
    },
  ]
  kinds[nextBelow(random, kinds.length)]!()
}

const seeds =
  process.env.SEED === undefined
    ? Array.from({ length: 40 }, (_, index) => index + 1)
    : [Number(process.env.SEED)]

for (const seed of seeds) {
  test(`seed=${seed}: links break, processes die, the run finishes`, () => {
    const config = exampleConfig({
      training: { batchesMax: 150, roundsMax: 1000 },
      round: { batchesMax: 20 + (seed % 3) * 30, quorumFraction: (seed % 5) / 4 },
    })
    const network = start({
      config,
      seed,
      volunteers: [ann, bob, cy, { name: 'dee', stepMs: 900 }],
    })
    const pauseMs = [5_000, 15_000, 40_000][seed % 3]!
    while (network.now < 600_000 && network.coordinator.phase !== 'finished') {
      const wake = network.now + nextFraction(network.random) * 2 * pauseMs
      network.runUntil(() => false, wake)
      misfortune(network, ['ann', 'bob', 'cy', 'dee'])
    }
    finish(network)
  })
}
