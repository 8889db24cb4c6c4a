/**
 * Steps of a job on a GGUF file in a process of its own, as a compute thread does them. Prints one
 * JSON object: seconds of each step, seconds to the first, and the most that the process took
 * beside what it mapped of files.
 *
 *   node --import tsx test/bench/llama-step.ts '{"path": ..., "model": ..., ...}'
 */
import { adapterLayout, initialAdapter } from '../../kernels/index.ts'
import { fitJob } from '../../node/compute/job.ts'
import { startCompute } from '../../node/compute/start-compute.ts'
import { openWeights } from '../../node/model/weight-file.ts'
import { digestOf } from '../../protocol/index.ts'
import { DEFAULT_RUN } from '../../simulations/run-settings.ts'
import { anonymousBytes } from './anonymous-bytes.ts'
import type { LlamaTask } from './llama.ts'

const task: LlamaTask = JSON.parse(process.argv[2]!)
const { path, model, rank, tokens: T, threads, memoryBytesMax, streamedLayers, steps } = task
const weights = openWeights(path, model)
const { storage } = weights
weights.close()
const config = {
  ...DEFAULT_RUN,
  base: { ...DEFAULT_RUN.base, shape: model },
  kernels: { ...storage, path: 'float32' as const },
  adapter: { ...DEFAULT_RUN.adapter, adapterRank: rank },
  dataset: { ...DEFAULT_RUN.dataset, sequenceLength: T },
  training: { ...DEFAULT_RUN.training, microBatch: 1, batchSequences: 1 },
}
const fitted = fitJob(config, { threads, memoryBytesMax }).job
const job = { ...fitted, streamedLayers: streamedLayers ?? fitted.streamedLayers }

let peakBytes = 0
const watch = setInterval(() => {
  peakBytes = Math.max(peakBytes, anonymousBytes('self'))
}, 100)
const begun = performance.now()
const compute = startCompute()
const ends: number[] = []
compute.onStep(() => ends.push(performance.now()))
await compute.run('set-up', { config, job, weights: path })
const isReady = performance.now()
const tokens = Int32Array.from({ length: steps * T }, (_, i) => (i * 7919) % model.vocabSize)
await compute.run('train', {
  tokens,
  targets: tokens,
  leaseId: 1,
  firstBatch: 0,
  steps,
  moment: null,
  traceStart: digestOf(new Uint8Array(0)),
  adapter: initialAdapter(adapterLayout(model, config.adapter), 1),
  learningRate: 1e-4,
})
clearInterval(watch)
await compute.close()
const seconds = ends.map((end, i) => (end - (ends[i - 1] ?? isReady)) / 1000)
console.log(
  JSON.stringify({
    peakBytes,
    seconds,
    loadSeconds: (isReady - begun) / 1000,
    streamedLayers: job.streamedLayers,
    recomputedLayers: job.recomputedLayers,
  }),
)
