/** A machine that trains for all volunteers of a study, and merges what they send. */
import { readFileSync } from 'node:fs'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { type Batch, batchPart } from '../../kernels/batch.ts'
import { localJob, payloadOf } from '../../kernels/local-job.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import type { OuterState } from '../../kernels/outer-state.ts'
import { measurePayload, openMerge, type RoundContribution } from '../../kernels/server-round.ts'
import { createTrainer, type Trainer } from '../../kernels/train-step.ts'
import { hyperOf, jobOf } from '../../node/compute/job.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import { decodeShard, type Sequences } from '../../node/dataset/shards.ts'
import type { RunPlan } from '../../node/setup/plan-run.ts'
import type { RunConfig } from '../../protocol/run-config.ts'

const { tiles } = startKernels()
const module = new WebAssembly.Module(readFileSync(KERNELS))

export type Offered = RoundContribution & { payload: Uint8Array }

export function machineOf({ config, base }: RunPlan) {
  const memory = newSharedMemory(16)
  const ops = createWasmOps(module, memory, { tiles })
  const arena = createArena(memory)
  const job = { ...jobOf(config), microBatch: 8 }
  return { ops, arena, trainer: createTrainer(ops, arena, job, base.weights) }
}
export type Machine = ReturnType<typeof machineOf>

export function contributionOf(
  { ops, arena, trainer }: Machine,
  config: RunConfig,
  state: OuterState,
  batch: Batch,
  steps: number,
  learningRate: number,
): Offered {
  if (state.mode !== 'delta') throw new Error('volunteers send deltas')
  const job = {
    mode: state.mode,
    codec: config.aggregation.uplink,
    steps,
    batch,
    // No study draws anything by it.
    firstBatch: 0,
    learningRate,
    batchTokens: batchTokens(config),
    adapter: state.adapter,
    moment: state.moment,
    link: () => '',
  }
  let counted = 0
  for (const pause of localJob(trainer, job)) {
    if (pause.status !== 'ok') throw new Error(`a step is ${pause.status}`)
    counted = pause.progress.targetTokens
  }
  const payload = payloadOf(ops, arena, trainer, job)
  const measured = measurePayload(ops, arena, trainer.layout, job, payload)
  return { payload, measured, tokens: counted, steps }
}

export function rows(config: RunConfig, batches: Sequences, first: number, count: number): Batch {
  const length = batchTokens(config)
  return batchPart(batches, first * length, (first + count) * length)
}

export function heldOutLoss(trainer: Trainer, { config, dataset: { blobs } }: RunPlan): number {
  const { dataset, base } = config
  const format = { ...dataset, vocabSize: base.shape.vocabSize }
  const shard = decodeShard(blobs.get(dataset.validationShard.digest)!, format)
  const sequences = shard.sequences(0, dataset.validationSequences)
  const { lossSum, targetTokens } = trainer.evaluate(sequences)
  return lossSum / targetTokens
}

/** The state after the round that these make. */
export function merged(
  { ops, arena, trainer }: Machine,
  config: RunConfig,
  state: OuterState,
  contributions: readonly Offered[],
  learningRate: number,
): OuterState {
  const { merge: rule, uplink, downlink, weightCap, normClip } = config.aggregation
  const merge = openMerge(ops, arena, trainer.layout, state, {
    merge: rule,
    uplink,
    downlink,
    learningRate,
    contributions,
    outerScale: 1,
    findsContrary: false,
    rule: { weightCap, normClip },
    outer: config.outer,
    inner: hyperOf(config.training),
  })
  for (let pass = 0; pass < merge.passes; pass++) {
    merge.add(contributions.map(({ payload }) => payload))
  }
  const closed = merge.close()
  if (closed.rejected.length > 0) throw new Error(closed.rejected[0]!.reason)
  return closed.state
}

function batchTokens({ training, dataset }: RunConfig): number {
  return training.batchSequences * dataset.sequenceLength
}
