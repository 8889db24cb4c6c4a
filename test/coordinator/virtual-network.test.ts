/**
 * Both state machines against each other on a virtual clock: whatever breaks, every batch counts
 * exactly once. First safety (things break), then liveness (they stop breaking, the run finishes).
 * A failure names its seed: `SEED=n npx vitest run test/coordinator/virtual-network.test.ts`.
 */

import { expect, test } from 'vitest'
import { isDone } from '../../coordinator/ending.ts'
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
function finish({ clock, coordinator, logs }: VirtualNetwork): void {
  const isOver = () => isDone(coordinator.state)
  clock.runUntil(isOver, DAY_MS)
  const { phase, config, batchesCounted, round, evaluations, auditCounts } = coordinator.state
  expect(phase, logs.slice(-20).join('\n')).toBe('finished')
  const { batchesMax, roundsMax } = config.training
  for (const [batch, times] of coordinator.counted) expect(times, `batch ${batch}`).toBe(1)
  expect(coordinator.counted.size).toBe(batchesCounted)
  expect(batchesCounted === batchesMax || round.start.round === roundsMax).toBe(true)
  const rounds = evaluations.map((evaluation) => evaluation.round)
  expect(rounds, 'each round is evaluated').toEqual(Array.from(rounds, (_, index) => index))
  expect(rounds.at(-1)).toBe(round.start.round)
  expect(auditCounts.mismatches, 'nobody erred').toBe(0)
}

for (const volunteers of [[ann], [ann, bob], [ann, bob, cy, { name: 'dee', stepMs: 40_000 }]]) {
  test(`${volunteers.length} volunteers finish the run and go home`, () => {
    const network = start({ volunteers })
    finish(network)
    const { clock } = network
    clock.runUntil(() => false, clock.now + 60_000)
    for (const { name } of volunteers) {
      expect(network.volunteer(name).exit?.outcome).toBe('finished')
    }
  })
}

test('the batches of a dead volunteer are done by the living', () => {
  const network = start({})
  const { clock, coordinator } = network
  clock.runUntil(() => coordinator.state.members.get('bob')?.leaseId != null, DAY_MS)
  network.volunteer('bob').kill(null)
  finish(network)
  expect(coordinator.state.records.has('bob')).toBe(false)
})

test('a late volunteer takes part', () => {
  const network = start({ volunteers: [cy] })
  const { clock, coordinator } = network
  clock.runUntil(() => coordinator.state.round.start.round === 1, DAY_MS)
  network.add(ann)
  finish(network)
  expect(coordinator.state.records.get('ann')!.credit.contributions).toBeGreaterThan(0)
})

test('a broken link loses no work: the lease is committed after the return', () => {
  const network = start({ volunteers: [{ name: 'ann', stepMs: 3000 }] })
  const { clock, coordinator } = network
  clock.runUntil(() => clock.now > 3000 && coordinator.state.leases.size > 0, DAY_MS)
  const [leaseId] = coordinator.state.leases.keys()
  const lease = () => coordinator.state.leases.get(leaseId!)
  network.volunteer('ann').breakLink()
  clock.runUntil(() => lease()?.stage === 'uploaded', DAY_MS)
  expect(lease()!.steps).toBe(coordinator.state.config.round.stepsMin)
  finish(network)
})

test('who leaves hands in the prefix first', () => {
  const network = start({ volunteers: [ann, { name: 'bob', stepMs: 3000 }] })
  const { clock, coordinator } = network
  const lease = () =>
    coordinator.state.leases.get(coordinator.state.members.get('bob')?.leaseId ?? -1)
  clock.runUntil(() => (lease()?.steps ?? 0) > 1, DAY_MS)
  const { leaseId, steps } = lease()!
  clock.runUntil(() => false, clock.now + 500)
  const volunteer = network.volunteer('bob')
  volunteer.leave()
  clock.runUntil(() => volunteer.exit !== null, DAY_MS)
  expect(volunteer.exit?.outcome).toBe('left')
  const held = coordinator.state.leases.get(leaseId)!
  expect(held.stage).toBe('uploaded')
  expect(held.steps).toBeLessThan(steps)
  finish(network)
})

test('who pauses hands in the prefix, is gone from the run, and comes back', () => {
  const network = start({ volunteers: [ann, { name: 'bob', stepMs: 3000 }] })
  const { clock, coordinator } = network
  const { members, leases, records } = coordinator.state
  const lease = () => leases.get(members.get('bob')?.leaseId ?? -1)
  clock.runUntil(() => (lease()?.steps ?? 0) > 1, DAY_MS)
  const { leaseId, steps } = lease()!
  clock.runUntil(() => false, clock.now + 4000)
  network.volunteer('bob').pause()
  clock.runUntil(() => !members.has('bob'), clock.now + 2000)
  const { stage, steps: handedIn } = leases.get(leaseId)!
  expect({ stage, handedIn }).toEqual({ stage: 'uploaded', handedIn: 1 })
  expect(handedIn).toBeLessThan(steps)
  network.volunteer('bob').resume()
  clock.runUntil(() => members.has('bob'), clock.now + 2000)
  finish(network)
  expect(records.get('bob')!.credit.contributions).toBeGreaterThan(1)
})

test('a pause before the first step gives the lease back at once', () => {
  const network = start({ volunteers: [ann, { name: 'bob', stepMs: 30_000 }] })
  const { clock, coordinator } = network
  const { members, leases } = coordinator.state
  clock.runUntil(() => members.get('bob')?.leaseId != null, DAY_MS)
  const leaseId = members.get('bob')!.leaseId!
  network.volunteer('bob').pause()
  clock.runUntil(() => !members.has('bob'), clock.now + 2000)
  expect([members.has('bob'), leases.has(leaseId)]).toEqual([false, false])
  finish(network)
})

test('the same seed is the same run, to the last event', () => {
  const digests = [1, 2].map(() => {
    const network = start({ seed: 5 })
    finish(network)
    return digestOf(concatBytes(...network.coordinator.journal))
  })
  expect(digests[0]).toBe(digests[1])
  const other = start({ seed: 6 })
  finish(other)
  expect(digestOf(concatBytes(...other.coordinator.journal))).not.toBe(digests[0])
})

const TRUSTS = ['everyone', 'friends', 'strangers'] as const

const quietRun = (trust: (typeof TRUSTS)[number]): VirtualNetwork => {
  const audit = { trust, fullShare: 0.5, lookShare: 0.5, ownShare: 0.5 }
  return start({ config: exampleConfig({ audit }), volunteers: [ann, bob] })
}

const eventsOfQuietRun = (trust: (typeof TRUSTS)[number]): number => {
  let count = 0
  const network = quietRun(trust)
  network.coordinator.crashAt = (_, eventCount) => {
    count = eventCount
    return null
  }
  finish(network)
  return count
}

for (const trust of TRUSTS) {
  for (const when of ['before', 'after'] as const) {
    test(`trust ${trust}: the coordinator may die ${when} any event, its effects undone`, () => {
      const events = eventsOfQuietRun(trust)
      expect(events).toBeGreaterThan(40)
      for (let at = 1; at <= events; at++) {
        const network = quietRun(trust)
        network.coordinator.crashAt = (_, count) => (count === at ? when : null)
        finish(network)
      }
    })
  }
}

/** One random misfortune. */
function misfortune(network: VirtualNetwork, names: string[]): void {
  const { random, coordinator } = network
  const victim = network.volunteer(names[nextBelow(random, names.length)]!)
  const pauseMs = nextFraction(random) * 40_000
  const kinds = [
    () => victim.breakLink(),
    () => victim.breakLink(),
    () => victim.kill(pauseMs),
    () => {
      victim.pause()
      network.clock.later(pauseMs, victim.resume)
    },
    () => coordinator.isUp && coordinator.restart(pauseMs),
    () => {
      for (const name of names) network.volunteer(name).breakLink()
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
      audit: { trust: TRUSTS[seed % 3]!, fullShare: 0.3, lookShare: 0.5, ownShare: 0.5 },
    })
    const volunteers = [ann, bob, cy, { name: 'dee', stepMs: 900 }]
    const network = start({ config, seed, volunteers })
    const { clock, coordinator, random } = network
    const pauseMs = [5_000, 15_000, 40_000][seed % 3]!
    while (clock.now < 600_000 && coordinator.state.phase !== 'finished') {
      clock.runUntil(() => false, clock.now + nextFraction(random) * 2 * pauseMs)
      misfortune(network, ['ann', 'bob', 'cy', 'dee'])
    }
    finish(network)
  })
}
