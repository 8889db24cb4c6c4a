/** Several seeds in threads: what comes of them is that of one after the other. */
import { expect, test } from 'vitest'
import { simulateSeeds } from '../../node/cli/simulate-seeds.ts'
import { differencesOf, keyFiguresOf, prepareSimulation } from '../../simulations/index.ts'

const REQUEST = {
  seed: 5,
  preset: 'browser-tabs',
  trace: null,
  config: null,
  volunteers: 4,
  days: 0.01,
  set: ['round.seconds=120'],
  swarm: false,
}

test('three seeds on two threads are those of one thread, in their order', async () => {
  const done: number[] = []
  const results = await simulateSeeds(REQUEST, 3, 2, (count) => done.push(count))
  expect(done).toEqual([1, 2, 3])
  expect(results.map(({ seed }) => seed)).toEqual([5, 6, 7])
  for (const { seed, figures, traceDigest } of results) {
    const alone = prepareSimulation({ ...REQUEST, seed }).run(() => {})
    expect(traceDigest).toBe(alone.traceDigest)
    expect(figures).toEqual(keyFiguresOf(alone))
  }
})

test('a difference is that of each seed, so what both owe to it is not in it', () => {
  const [one, other] = [
    [1, 5, 9],
    [2, 6, 10],
  ].map((all) => all.map((goodput) => ({ goodput })))
  expect(differencesOf(one!, other!).goodput).toMatchObject({ mean: 1, within: 0 })
})
