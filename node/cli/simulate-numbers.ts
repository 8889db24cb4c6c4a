/** The kernels as a simulation asks for them: in this thread, one thing after the other. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  adapterLayout,
  addEvaluation,
  batchPart,
  type Evaluation,
  initialAdapter,
  lossOf,
  parseOuterState,
} from '../../kernels/index.ts'
import type { RunConfig } from '../../protocol/index.ts'
import type { Numbers, Subtracted } from '../../simulations/index.ts'
import { createEngine, type Engine } from '../compute/engine.ts'
import { bytesOf, floatsOf } from '../compute/floats.ts'
import { fitJob } from '../compute/job.ts'
import { KERNELS, startKernels } from '../compute/start-kernels.ts'
import { defaultMemoryBytes } from '../compute/thread-pool.ts'
import { readBatches } from '../dataset/batches.ts'
import { heldOutOf } from '../dataset/held-out.ts'
import type { Sequences } from '../dataset/shards.ts'
import { openBlobWeights } from '../model/weight-file.ts'
import type { RunPlan } from '../setup/plan-run.ts'

/** Work is done once for all who ask for the same, so a trace is nobody's own. */
const TRACE_START = '0'.repeat(64)
const UNNAMED = 0

/** Holds the whole training set in memory; leaves the plan's base open. */
export async function numbersOf({ config, dataset, base, start }: RunPlan): Promise<Numbers> {
  const { tiles } = startKernels()
  const module = new WebAssembly.Module(readFileSync(KERNELS))
  const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const engine = createEngine(module, digestOf, openBlobWeights, { tiles })
  const { job } = fitJob(config, { threads: 1, memoryBytesMax: defaultMemoryBytes() })
  engine.setUp(config, job, base.file.path)
  const blobs = dataset.blobs
  const batchesMax = Math.ceil(config.dataset.trainSequences / config.training.batchSequences)
  const all = await readBatches(config, 0, batchesMax, async ({ digest }) => blobs.get(digest)!)
  const shard = blobs.get(config.dataset.validationShard.digest)!
  const { validation, gateText } = heldOutOf(config, shard)
  const layout = adapterLayout(config.base.shape, config.adapter)
  return {
    form: { codec: config.aggregation.uplink, count: layout.count },
    initial: start?.bytes ?? bytesOf(initialAdapter(layout, config.seed)),
    train({ firstBatch, learningRate }, steps, { adapter, moment }) {
      const input = {
        ...batchesFrom(all, config, firstBatch, steps),
        leaseId: 0,
        firstBatch,
        steps,
        learningRate,
        moment,
        traceStart: TRACE_START,
        adapter: floatsOf(adapter),
      }
      return trained(engine, input, steps)
    },
    merge({ merge: rule, learningRate, outerScale, contributions }, payloads, from, corrections) {
      const outerState = corrections.reduce(
        (before, each) => subtract(engine, config, before, each),
        from.outerState,
      )
      const merge = engine.openMerge({
        config,
        merge: rule,
        ...(start === null ? {} : { first: floatsOf(start.bytes) }),
        outerState,
        learningRate,
        outerScale,
        contributions: contributions.map(({ leaseId, tokens, steps }, index) => ({
          leaseId,
          tokens,
          steps,
          measured: engine.measure(config, payloads[index]!),
        })),
      })
      for (let pass = 0; pass < merge.passes; pass++) merge.add(payloads)
      const corrected = corrections.length === 0 ? null : bytesOf(thetaOf(outerState!))
      return { ...merge.close(), corrected }
    },
    evaluate: (adapter) => lossOn(engine, validation, adapter),
    gateLoss:
      config.aggregation.gate === null ? null : (adapter) => lossOn(engine, gateText, adapter),
  }
}

/** The state without what is taken back, as `node/run/merge-round.ts` makes it. */
function subtract(
  engine: Engine,
  config: RunConfig,
  outerState: Uint8Array | null,
  { merge, theta, momentum, rows }: Subtracted,
): Uint8Array {
  if (config.training.mode === 'gradient') return outerState!
  const correction = engine.openCorrection({
    config,
    outerState: outerState!,
    merge,
    theta,
    momentum,
    rows: rows.map(({ weight, clip, isSummed }) => ({ weight, clip, isSummed })),
  })
  const needed = rows.filter(({ isSummed }) => merge === 'trimmed' || isSummed)
  const payloads = needed.map(({ payload }) => payload)
  for (let pass = 0; pass < correction.passes; pass++) correction.add(payloads)
  return correction.close()
}

function thetaOf(outerState: Uint8Array): Float32Array {
  const parsed = parseOuterState(outerState)
  if (parsed.status === 'malformed') throw new Error(`Invariant broken: ${parsed.reason}`)
  return parsed.state.theta
}

function lossOn(engine: Engine, text: Sequences, adapter: Uint8Array): number {
  const sums: Evaluation = { lossSum: 0, targetTokens: 0 }
  for (const part of engine.evaluate({ ...text, adapter: floatsOf(adapter) })) {
    addEvaluation(sums, part)
  }
  return lossOf(sums)
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
  const rejected: number[] = []
  let at = 0
  for (const part of parts) {
    tokens.set(part.tokens, at)
    targets.set(part.targets, at)
    for (const start of part.starts) starts.push(at + start)
    for (const start of part.rejected ?? []) rejected.push(at + start)
    at += part.tokens.length
  }
  const all = { tokens, targets, starts: Int32Array.from(starts) }
  return only!.rejected === undefined ? all : { ...all, rejected: Int32Array.from(rejected) }
}
