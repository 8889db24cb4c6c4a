/** What is simulated with real numbers and what is run come to the same adapter, bit for bit. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseOuterState } from '../../kernels/index.ts'
import { numbersOf } from '../../node/cli/simulate-numbers.ts'
import { floatsOf } from '../../node/compute/floats.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { digestOf } from '../../protocol/index.ts'
import { prepareSimulation, type Subtracted } from '../../simulations/index.ts'
import type { Standing } from '../../simulations/real-learning.ts'
import { hostRun, joinRun, prepareSmallRun } from '../roles/swarm.ts'

const DAY = { days: 1, seed: 1, set: [], trace: null }
const STABLE = { preset: 'data-centre-stable', swarm: false }

async function numbersIn(root: string) {
  const folder = join(root, '..')
  const source = readFileSync(join(root, 'run.yaml'), 'utf8')
  const located = await locateRun(parseRunYaml(source, join(folder, 'run.yaml')), null)
  return withPlan(located, async (plan) => ({
    config: plan.config,
    numbers: await numbersOf(plan),
  }))
}

test('without churn, any number of volunteers makes the adapter of one in a real run', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  const { base: adapter, evaluations } = hosted.status()
  await hosted.stop()

  const { config, numbers } = await numbersIn(run.root)
  for (const volunteers of [1, 7]) {
    const request = { ...DAY, ...STABLE, config, numbers, volunteers }
    const result = prepareSimulation(request).run(() => {})
    expect(result.violations).toEqual([])
    expect(result.adapter).toBe(adapter)
    expect(result.history.rounds.at(-1)!.loss).toBe(evaluations.at(-1)!.loss)
  }
})

test('what is taken back is subtracted, and what is left of the base is told', async () => {
  const { root } = await prepareSmallRun()
  const { numbers } = await numbersIn(root)
  const start = { adapter: numbers.initial, moment: null, outerState: null }
  const base = digestOf(start.adapter)
  const train = (leaseId: number) => {
    const { tokens, payload } = numbers.train({ firstBatch: leaseId, learningRate: 0.01 }, 1, start)
    return { leaseId, peer: 'ada', firstBatch: leaseId, steps: 1, tokens, payload }
  }
  const work = [train(0), train(1), train(2)]
  const merge = (of: typeof work, from: Standing, corrections: readonly Subtracted[]) => {
    const contributions = of.map(({ payload, ...rest }) => {
      return { ...rest, payload: { digest: digestOf(payload), bytes: payload.length } }
    })
    const job = { round: 0, attempt: 1, base, parent: null, outerState: null, learningRate: 0.01 }
    const how = { outerScale: 1, merge: 'mean' as const, corrections: [], contributions }
    const payloads = of.map(({ payload }) => payload)
    return numbers.merge({ ...job, ...how }, payloads, from, corrections)
  }
  const both = merge(work.slice(0, 2), start, [])
  expect(both.corrected).toBe(null)
  const rows = both.counted.map(({ leaseId, weight, clip }) => {
    return { weight, clip, isSummed: leaseId === 1, payload: work[leaseId]!.payload }
  })
  const worth = { theta: 0.7 * 1.6, momentum: 1, merge: 'mean', rows } as const
  const { corrected } = merge(work.slice(2), both, [worth])
  // What is left is the first one's part of the mean of both.
  const [one, other] = both.counted
  const share = one!.weight / (one!.weight + other!.weight)
  const alone = thetaOf(merge(work.slice(0, 1), start, []).outerState!)
  const initial = floatsOf(numbers.initial)
  const left = floatsOf(corrected!)
  const apart = left.map((value, i) => value - (initial[i]! + share * (alone[i]! - initial[i]!)))
  const furthest = apart.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  expect(furthest).toBeLessThan(1e-7)
  expect(alone).not.toEqual(initial)
})

function thetaOf(outerState: Uint8Array): Float32Array {
  const parsed = parseOuterState(outerState)
  if (parsed.status !== 'ok') throw new Error(parsed.reason)
  return parsed.state.theta
}
