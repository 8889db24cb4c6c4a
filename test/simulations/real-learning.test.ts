/** With real numbers, what is simulated and what is run come to the same adapter, bit for bit. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { numbersOf } from '../../node/cli/simulate-numbers.ts'
import { locateRun } from '../../node/run/locate-run.ts'
import { planRun } from '../../node/run/prepare-run.ts'
import { parseRunYaml } from '../../node/run/run-yaml.ts'
import { prepareSimulation } from '../../simulations/main.ts'
import { hostRun, joinRun, prepareSmallRun } from '../roles/swarm.ts'

const DAY = { days: 1, seed: 1, set: [], trace: null }
const STABLE = { preset: 'data-centre-stable', swarm: false }

test('without churn, any number of volunteers makes the adapter of one in a real run', async () => {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  const { base: adapter, evaluations } = hosted.status()
  await hosted.stop()

  const folder = join(run.root, '..')
  const source = readFileSync(join(run.root, 'run.yaml'), 'utf8')
  const planned = await planRun(await locateRun(parseRunYaml(source, 'run.yaml'), folder, null))
  const numbers = await numbersOf(planned)
  planned.base.close()
  for (const volunteers of [1, 7]) {
    const request = { ...DAY, ...STABLE, config: planned.config, numbers, volunteers }
    const result = prepareSimulation(request).run(() => {})
    expect(result.violations).toEqual([])
    expect(result.adapter).toBe(adapter)
    expect(result.history.rounds.at(-1)!.loss).toBe(evaluations.at(-1)!.loss)
  }
}, 60_000)
