/**
 * Does a base in 8 bits learn as well? Ten seeds, each of them three times over the same batches:
 * the base as its checkpoint has it, in int8 and multiplied in float32, and in int8 on the integer
 * path. Prints what each costs in held-out loss. `npx tsx test/studies/int16-learning.ts [seeds]`
 */
import { readFileSync } from 'node:fs'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import type { BaseKernels } from '../../kernels/frozen-base.ts'
import { initialAdapter } from '../../kernels/lora.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { createTrainer } from '../../kernels/train-step.ts'
import { DEMO_YAML } from '../../node/cli/demo-yaml.ts'
import { jobOf } from '../../node/compute/job.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import { decodeShard, type Sequences } from '../../node/dataset/shards.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { type RunPlan, withPlan } from '../../node/setup/plan-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'

const SEEDS = Number(process.argv[2] ?? 10)
const STEPS = 200

const WAYS: Record<string, BaseKernels> = {
  checkpoint: { base: 'float16', path: 'float32' },
  int8: { base: 'int8', path: 'float32' },
  int16: { base: 'int8', path: 'int16' },
}

const { tiles } = startKernels()
const module = new WebAssembly.Module(readFileSync(KERNELS))
const losses = new Map(Object.keys(WAYS).map((way) => [way, [] as number[]]))
console.log(`held-out loss after ${STEPS} steps`)
for (let seed = 1; seed <= SEEDS; seed++) {
  const source = DEMO_YAML.replace(/^seed: .*$/m, `seed: ${seed}`)
  await withPlan(await locateRun(parseRunYaml(source, 'demo'), null), async (plan) => {
    for (const [way, kernels] of Object.entries(WAYS)) {
      losses.get(way)!.push(await lossAfterTraining(plan, kernels))
    }
  })
  const all = [...losses].map(([way, values]) => `${way} ${values.at(-1)!.toFixed(5)}`)
  console.log(`seed ${seed}: ${all.join(', ')}`)
}
for (const way of ['int8', 'int16']) {
  const differences = losses.get(way)!.map((loss, i) => loss - losses.get('checkpoint')![i]!)
  const { mean, error } = meanOf(differences)
  console.log(`${way} - checkpoint: ${mean.toFixed(5)} ± ${error.toFixed(5)} (standard error)`)
}

async function lossAfterTraining(plan: RunPlan, kernels: BaseKernels): Promise<number> {
  const { config } = plan
  const memory = newSharedMemory(16)
  const ops = createWasmOps(module, memory, { tiles })
  const job = { ...jobOf(config), kernels }
  const trainer = createTrainer(ops, createArena(memory), job, plan.base.weights)
  trainer.load(initialAdapter(trainer.layout, config.seed), null)
  const { batchSequences, learningRate } = config.training
  const blobOf = async ({ digest }: { digest: string }) => plan.dataset.blobs.get(digest)!
  const { tokens, targets } = await readBatches(config, 0, STEPS, blobOf)
  const size = batchSequences * config.dataset.sequenceLength
  for (let step = 0; step < STEPS; step++) {
    const [from, to] = [step * size, (step + 1) * size]
    const batch = { tokens: tokens.subarray(from, to), targets: targets.subarray(from, to) }
    const outcome = trainer.localStep(batch, learningRate * (1 - step / STEPS))
    if (outcome.status !== 'ok') throw new Error(`step ${step} is ${outcome.status}`)
  }
  const { lossSum, targetTokens } = trainer.evaluate(validationOf(plan))
  return lossSum / targetTokens
}

function validationOf({ config: { dataset, base }, dataset: { blobs } }: RunPlan): Sequences {
  const format = { ...dataset, vocabSize: base.shape.vocabSize }
  const shard = decodeShard(blobs.get(dataset.validationShard.digest)!, format)
  return shard.sequences(0, dataset.validationSequences)
}

function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, error: Math.sqrt(squares / (values.length - 1) / values.length) }
}
