/**
 * The decisions of a round, each a table: quorum, lease size, learning rate, backoff, deadlines.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Deadline, peekDeadline, pushDeadline } from '../../coordinator/deadlines.ts'
import { type LeaseWish, sizeLease } from '../../coordinator/lease-size.ts'
import { backoffMs } from '../../coordinator/participant/state.ts'
import { quorumOf } from '../../coordinator/quorum.ts'
import { learningRateAt, progressOf } from '../../coordinator/schedule.ts'
import { prng } from '../../protocol/prng.ts'
import { exampleConfig } from '../protocol/example-config.ts'

for (const [uploaded, outstanding, expected, fraction, status] of [
  [0, 8, 8, 0.5, 'pending'],
  [3, 5, 8, 0.5, 'pending'],
  [4, 4, 8, 0.5, 'met'],
  [8, 0, 8, 1, 'met'],
  [7, 1, 8, 1, 'pending'],
  [7, 0, 8, 1, 'lost'],
  [3, 0, 8, 0.5, 'lost'],
  [0, 0, 8, 0, 'lost'],
  [1, 0, 8, 0, 'met'],
  [2, 0, 3, 0.5, 'met'],
  [1, 0, 3, 0.5, 'lost'],
] as const) {
  test(`quorum ${fraction}: ${uploaded} in, ${outstanding} out of ${expected} is ${status}`, () => {
    const quorum = quorumOf({ uploaded, outstanding, expected }, fraction)
    expect(quorum.status).toBe(status)
    expect(quorum.reason).toContain(`${uploaded} of ${expected}`)
  })
}

// Box 60 s, grace 10 s, 2 to 8 steps: an unmeasured upload is taken to cost 2.5 s.
const wish: LeaseWish = {
  leftMs: 60_000,
  available: 100,
  ownMax: 100,
  hasDelivered: true,
  stepMs: 1000,
  transferMs: null,
  others: { speed: 0, untimedCount: 0 },
}
for (const [what, change, steps] of [
  ['a fast one gets the most there is to get', {}, 8],
  ['unknown speed gets the least', { stepMs: null }, 2],
  ['no more than its own share of the round', { ownMax: 3 }, 3],
  ['so does one that has yet to deliver something', { hasDelivered: false }, 2],
  ['unknown speed near the end waits', { stepMs: null, leftMs: 19_999 }, 0],
  ['steps fill what is left of the box', { leftMs: 8_000, transferMs: 0 }, 8],
  ['... but for the upload', { leftMs: 8_000, transferMs: 3_000 }, 5],
  ['... which is a guess at first', { leftMs: 8_000 }, 5],
  ['... and never more than half the box', { stepMs: 5000, transferMs: 1e9 }, 6],
  ['less than the least fits: wait', { leftMs: 4_000 }, 0],
  ['the least fits exactly', { leftMs: 4_500 }, 2],
  ['one batch is left, one step fits', { leftMs: 3_500, available: 1 }, 1],
  ['one batch is left, none fits', { leftMs: 3_400, available: 1 }, 0],
  ['a slow one is asked for what half a box holds', { stepMs: 29_000, leftMs: 59_000 }, 1],
  ['who starts the round is never turned away', { stepMs: 70_000 }, 1],
  ['... but a step longer than the rest waits', { stepMs: 70_000, leftMs: 59_000 }, 0],
  [
    'scarce batches are shared by speed',
    { available: 12, others: { speed: 3600, untimedCount: 0 } },
    6,
  ],
  [
    '... among the timed and the untimed',
    { available: 12, others: { speed: 3600, untimedCount: 1 } },
    4,
  ],
  [
    'a small share is rounded up to the least',
    { available: 12, others: { speed: 1e6, untimedCount: 0 } },
    2,
  ],
  ['shares are rounded up', { available: 7, others: { speed: 3600, untimedCount: 0 } }, 4],
] as [string, Partial<LeaseWish>, number][]) {
  test(`lease size: ${what}`, () => {
    const size = sizeLease(exampleConfig().round, { ...wish, ...change })
    expect(size.steps).toBe(steps)
    expect(size.reason === '').toBe(steps > 0)
  })
}

test('a lease is expected to take its steps and its upload', () => {
  const size = sizeLease(exampleConfig().round, { ...wish, transferMs: 500 })
  expect(size.expectedMs).toBe(8500)
})

for (const [batches, round, expected] of [
  [0, 0, 0],
  [6, 1, 0.25],
  [6, 9, 0.9],
  [24, 3, 1],
  [30, 3, 1],
] as const) {
  test(`${batches} of 24 batches in ${round} of 10 rounds is ${expected} of the run`, () => {
    expect(progressOf(exampleConfig(), batches, round)).toBe(expected)
  })
}

test('without a limit of rounds, batches alone are the progress', () => {
  const config = exampleConfig({ training: { roundsMax: null } })
  expect(progressOf(config, 12, 9_999)).toBe(0.5)
})

const training = { learningRate: 1, batchesMax: 100, roundsMax: 100, finalFraction: 0.2 }
for (const [schedule, warmupFraction, batches, expected] of [
  ['constant', 0, 0, 1],
  ['constant', 0, 99, 1],
  ['constant', 0.2, 0, 0.5],
  ['constant', 0.2, 10, 1],
  ['constant', 1, 100, 1],
  ['linear', 0, 0, 1],
  ['linear', 0, 50, 0.6],
  ['linear', 0, 100, 0.2],
  ['linear', 0.5, 75, 0.6],
  ['cosine', 0, 0, 1],
  ['cosine', 0, 25, 0.2 + 0.8 * (0.5 + Math.SQRT1_2 / 2)],
  ['cosine', 0, 50, 0.6],
  ['cosine', 0, 100, 0.2],
  ['cosine', 0.2, 5, 0.75],
] as const) {
  test(`${schedule} after a rise of ${warmupFraction}: ${batches} % done, rate ${expected}`, () => {
    const config = exampleConfig({
      training: { ...training, schedule, warmupFraction },
      round: { batchesMax: 10 },
    })
    expect(learningRateAt(config, batches, 0)).toBeCloseTo(expected, 14)
  })
}

test('the cosine is within 1e-15 of that of the engine, and every rate is a valid one', () => {
  const config = exampleConfig({
    training: { ...training, batchesMax: 10_000, finalFraction: 0, warmupFraction: 0 },
  })
  for (let batches = 0; batches <= 10_000; batches++) {
    const rate = learningRateAt(config, batches, 0)
    const expected = (1 + Math.cos((Math.PI * batches) / 10_000)) / 2
    expect(Math.abs(rate - expected)).toBeLessThan(1e-15)
    expect(rate >= 0 && rate <= 1).toBe(true)
  }
})

for (const [failures, most] of [
  [1, 1_000],
  [2, 2_000],
  [6, 32_000],
  [7, 60_000],
  [1_000_000, 60_000],
] as const) {
  test(`after ${failures} failures the pause is ${most / 2} to ${most} ms`, () => {
    const random = prng(7)
    for (let draw = 0; draw < 100; draw++) {
      const pause = backoffMs(random, failures)
      expect(pause).toBeGreaterThanOrEqual(most / 2)
      expect(pause).toBeLessThanOrEqual(most)
    }
  })
}

test('a queue gives deadlines by time, then key, and drops those that do not hold', () => {
  const entry = fc.record({ at: fc.nat(20), key: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const queue: Deadline<number>[] = []
      for (const deadline of entries) pushDeadline(queue, deadline)
      const holds = ({ key }: Deadline<number>) => key % 3 !== 0
      const seen: Deadline<number>[] = []
      for (;;) {
        const next = peekDeadline(queue, holds)
        if (next === null) break
        seen.push(next)
        // Taken: it does not hold any more.
        peekDeadline(queue, (deadline) => deadline !== next)
      }
      const expected = entries.filter(holds).sort((a, b) => a.at - b.at || a.key - b.key)
      expect(seen).toEqual(expected)
    }),
  )
})
