/**
 * What a trace costs: steps with and without one, in turn, so that a busy neighbour slows both
 * alike; what is compared is the ratio within a turn. A link is the digest of the trainer's state,
 * chained to the one before, as node/compute/engine.ts makes it. `npm run bench:tracing [TURNS]`
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { type ModelShape, TARGETS } from '../../kernels/shape.ts'
import { newBoard } from '../../kernels/threads.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import { digestOf as digestInJavaScript, hexToBytes } from '../../protocol/digest.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'
import { EMBEDDED_SHAPE } from '../engines/golden-jobs.ts'
import { MODEL_135M } from '../kernels/model-135m.ts'
import { median } from './contest.ts'
import { jobOf } from './shapes.ts'

const TURNS = Number(process.argv[2] ?? 15)

type Hash = (bytes: Uint8Array) => string

/** SHA-256 as Node has it, and as a tab has it. */
const HASHES: readonly (readonly [string, Hash])[] = [
  ['in Node', (bytes) => createHash('sha256').update(bytes).digest('hex')],
  ['as in a tab', digestInJavaScript],
]

const { tiles } = startKernels(true)
const module = new WebAssembly.Module(readFileSync(KERNELS))

for (const [name, model, kernels, sequences, sequenceLength] of [
  ['embedded base', EMBEDDED_SHAPE, { base: 'float32', path: 'float32' }, 4, 128],
  ['135M', MODEL_135M, { base: 'int8', path: 'int16' }, 4, 256],
] as const) {
  const task = { task: 'step', layers: model.layerCount, sequences, sequenceLength } as const
  const job: JobShape = {
    ...jobOf({ ...task, adapterRank: 8 }),
    model,
    adapter: { adapterRank: 8, alpha: 16, targets: TARGETS },
    kernels,
  }
  for (const [where, digestOf] of HASHES) {
    const ratios = measure(job, sequences * sequenceLength, digestOf)
    const [least = 0, middle = 0, most = 0] = [
      Math.min(...ratios),
      median(ratios),
      Math.max(...ratios),
    ].map((ratio) => 100 * (ratio - 1))
    console.log(
      `${name}, rank 8, one thread, ${where}: a trace takes ${middle.toFixed(2)} % of a step ` +
        `(${least.toFixed(2)} to ${most.toFixed(2)} in ${TURNS} turns)`,
    )
  }
}

/** Time of a step and its link, by the time of that step alone. */
function measure(job: JobShape, tokenCount: number, digestOf: Hash): number[] {
  const memory = newSharedMemory(16)
  const crew = { board: newBoard(), feed: null, isStopping: () => false }
  const ops = createWasmOps(module, memory, { tiles })
  const trainer = createTrainer(ops, createArena(memory), job, randomWeights(job.model), crew)
  const tokens = Int32Array.from({ length: tokenCount }, (_, i) => (i * 7919) % job.model.vocabSize)
  let link = '0'.repeat(64)
  const step = () => trainer.localStep({ tokens, targets: tokens }, 1e-4)
  const trace = () => {
    link = digestOf(hexToBytes(link + digestOf(trainer.state())))
  }
  step()
  trace()
  return Array.from({ length: TURNS }, () => {
    const started = performance.now()
    step()
    const stepped = performance.now()
    trace()
    return (performance.now() - started) / (stepped - started)
  })
}

/** Matrices of ±0.04, norms of 1. */
function randomWeights(model: ModelShape): WeightSource {
  const shapes = new Map(weightTensors(model).map(({ name, shape }) => [name, shape]))
  const random = prng(1)
  return {
    tensor(name) {
      const shape = shapes.get(name)!
      const count = shape.reduce((product, size) => product * size, 1)
      const isNorm = shape.length === 1
      const values = Float32Array.from({ length: count }, () =>
        isNorm ? 1 : 0.08 * nextFraction(random) - 0.04,
      )
      return { shape, values }
    },
  }
}
