/**
 * The ways to train that studies compare: a swarm, and one machine with the same tokens. The
 * trainer, the payloads and the merge are those of a run; who does how many steps is drawn.
 */
import { learningRateAt } from '../../coordinator/schedule.ts'
import { initialAdapter } from '../../kernels/lora.ts'
import { initialOuterState, type OuterState } from '../../kernels/outer-state.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import type { Sequences } from '../../node/dataset/shards.ts'
import type { RunPlan } from '../../node/setup/plan-run.ts'
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

const LEAVING_SHARE = 0.3
const STEPS_SD = 0.5
const [STEPS_MIN, STEPS_MAX] = [1, 64]

export interface Swarm {
  volunteers: number
  /** Local steps in a round: the median of those who stay. */
  stepsMedian: number
  /** Local steps of the whole run. */
  batches: number
}

const WAYS = {
  /** One AdamW; its global batch is a local step of each volunteer. */
  'data-parallel': (swarm: Swarm) => stepsOf(swarm.volunteers),
  /** One AdamW; its batch is a local step. */
  alone: () => stepsOf(1),
  /**
   * Rounds that are boxed in time: some volunteers are slow, three in ten are gone before the end
   * of a round and hand in the prefix that is done.
   */
  pooled: () => inRounds,
} as const
export type Way = keyof typeof WAYS

export interface Losses {
  base: number
  loss: number
}

/** The held-out loss before and after a run of this plan, trained in this way. */
export async function lossesOf(way: Way, swarm: Swarm, plan: RunPlan): Promise<Losses> {
  const blobOf = async ({ digest }: { digest: string }) => plan.dataset.blobs.get(digest)!
  const batches = await readBatches(plan.config, 0, swarm.batches, blobOf)
  const machine = machineOf(plan)
  const adapter = initialAdapter(machine.trainer.layout, plan.config.seed)
  machine.trainer.load(adapter, null)
  const base = heldOutLoss(machine.trainer, plan)
  const train = WAYS[way](swarm)
  machine.trainer.load(train({ machine, config: plan.config, batches, adapter, swarm }), null)
  return { base, loss: heldOutLoss(machine.trainer, plan) }
}

interface Training {
  machine: Machine
  config: RunConfig
  batches: Sequences
  adapter: Float32Array
  swarm: Swarm
}

/** Trains step by step with so many batches in each, and returns the adapter. */
function stepsOf(batchesAStep: number): (training: Training) => Float32Array {
  return ({ machine: { trainer }, config, batches, adapter, swarm }) => {
    trainer.load(adapter, null)
    for (let batch = 0; batch < swarm.batches; batch += batchesAStep) {
      const part = rows(config, batches, batch, Math.min(batchesAStep, swarm.batches - batch))
      const outcome = trainer.localStep(part, learningRateAt(config, batch, 0))
      if (outcome.status !== 'ok') throw new Error(`batch ${batch} is ${outcome.status}`)
    }
    return trainer.adapter()
  }
}

function inRounds({ machine, config, batches, adapter, swarm }: Training): Float32Array {
  const random = prng(config.seed)
  let state: OuterState = initialOuterState('delta', adapter)
  let batch = 0
  for (let round = 0; batch < swarm.batches; round++) {
    const learningRate = learningRateAt(config, batch, round)
    const contributions: Offered[] = []
    for (let i = 0; i < swarm.volunteers && batch < swarm.batches; i++) {
      const steps = Math.min(drawnSteps(random, swarm), swarm.batches - batch)
      const part = rows(config, batches, batch, steps)
      contributions.push(contributionOf(machine, config, state, part, steps, learningRate))
      batch += steps
    }
    state = merged(machine, config, state, contributions, learningRate)
  }
  return state.adapter
}

/** Speeds are log-normal; who leaves hands in the prefix that is done. */
function drawnSteps(random: ReturnType<typeof prng>, { stepsMedian }: Swarm): number {
  const [u, v] = [1 - nextFraction(random), nextFraction(random)]
  const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v)
  const whole = stepsMedian * Math.exp(STEPS_SD * normal)
  const share = nextFraction(random) < LEAVING_SHARE ? nextFraction(random) : 1
  return Math.max(STEPS_MIN, Math.min(STEPS_MAX, Math.round(whole * share)))
}
