/** The kernels as a simulation asks for them: in this thread, one thing after the other. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { batchPart } from '../../kernels/batch.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { concatBytes } from '../../protocol/digest.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import type { Numbers } from '../../simulations/main.ts'
import { readBatches } from '../dataset/batches.ts'
import { decodeShard, type Sequences } from '../dataset/shards.ts'
import type { planRun } from '../run/prepare-run.ts'
import { createEngine, type Engine } from '../training/engine.ts'
import { bytesOf, floatsOf } from '../training/floats.ts'
import { fitJob } from '../training/job.ts'
import { KERNELS, startKernels } from '../training/start-kernels.ts'
import { defaultMemoryBytes } from '../training/thread-pool.ts'

/** Audits are not simulated, so that a trace need not be anybody's own. */
const TRACE_SEED = new Uint8Array(32)
const UNNAMED = 0

/** Holds the whole training set in memory; leaves the plan's base open. */
export async function numbersOf({
  config,
  dataset,
  base,
}: Awaited<ReturnType<typeof planRun>>): Promise<Numbers> {
  const { tiles } = startKernels()
  const module = new WebAssembly.Module(readFileSync(KERNELS))
  const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const engine = createEngine(module, digestOf, { tiles })
  const { job } = fitJob(config, { threads: 1, memoryBytesMax: defaultMemoryBytes() })
  engine.setUp(config, job, await bytesOfAll(base.pieces()))
  const blobs = dataset.blobs
  const batchesMax = Math.ceil(config.dataset.trainSequences / config.training.batchSequences)
  const all = await readBatches(config, 0, batchesMax, async ({ digest }) => blobs.get(digest)!)
  const { validationShard, validationSequences } = config.dataset
  const shard = decodeShard(blobs.get(validationShard.digest)!, {
    ...config.dataset,
    vocabSize: config.base.shape.vocabSize,
  })
  const heldOut = shard.sequences(0, validationSequences)
  const layout = adapterLayout(config.base.shape, config.adapter)
  return {
    initial: bytesOf(initialAdapter(layout, config.seed)),
    train({ firstBatch, learningRate }, steps, { adapter, moment }) {
      const input = {
        ...batchesFrom(all, config, firstBatch, steps),
        ...{ leaseId: 0, steps, learningRate, moment, traceSeed: TRACE_SEED },
        adapter: floatsOf(adapter),
      }
      return trained(engine, input, steps)
    },
    merge({ learningRate, outerScale, contributions }, payloads, { outerState }) {
      const merge = engine.openMerge({
        ...{ config, outerState, learningRate, outerScale },
        contributions: contributions.map(({ leaseId, tokens, steps }, index) => ({
          ...{ leaseId, tokens, steps },
          measured: engine.measure(config, payloads[index]!),
        })),
      })
      merge.add(payloads)
      return merge.close()
    },
    evaluate(adapter) {
      let [lossSum, targetTokens] = [0, 0]
      for (const part of engine.evaluate({ ...heldOut, adapter: floatsOf(adapter) })) {
        lossSum += part.lossSum
        targetTokens += part.targetTokens
      }
      return lossSum / targetTokens
    },
  }
}

async function bytesOfAll(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return concatBytes(...all)
}

function trained(engine: Engine, input: Parameters<Engine['train']>[0], steps: number) {
  for (const pause of engine.train(input, UNNAMED)) {
    if (pause.status !== 'ok') throw new Error(`A simulated step is ${pause.status}`)
    const { progress } = pause
    if (progress.steps < steps) continue
    const { targetTokens: tokens, lossSum, trace } = progress
    return { tokens, loss: lossSum / tokens, trace: [...trace], payload: engine.payload(input) }
  }
  throw new Error('A simulated lease has no steps')
}

/** Batches firstBatch .. firstBatch + steps - 1; after the last of all comes the first again. */
function batchesFrom(
  all: Sequences,
  { dataset, training }: RunConfig,
  firstBatch: number,
  steps: number,
): Sequences {
  const { sequenceLength, trainSequences } = dataset
  const count = steps * training.batchSequences
  const first = (firstBatch * training.batchSequences) % trainSequences
  const parts: Sequences[] = []
  for (let done = 0; done < count; ) {
    const at = (first + done) % trainSequences
    const rows = Math.min(count - done, trainSequences - at)
    const part = batchPart(all, at * sequenceLength, (at + rows) * sequenceLength)
    parts.push({ ...part, starts: part.starts! })
    done += rows
  }
  return joined(parts)
}

function joined(parts: readonly Sequences[]): Sequences {
  const [only] = parts
  if (parts.length === 1) return only!
  const total = parts.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const [tokens, targets] = [new Int32Array(total), new Int32Array(total)]
  const starts: number[] = []
  let at = 0
  for (const part of parts) {
    tokens.set(part.tokens, at)
    targets.set(part.targets, at)
    for (const start of part.starts) starts.push(at + start)
    at += part.tokens.length
  }
  return { tokens, targets, starts: Int32Array.from(starts) }
}
