/**
 * A lease, worked off: local steps from a round's base, one after the other, and the payload that
 * is sent up.
 *
 * It is a generator that pauses after each step, because any prefix of the steps is a valid
 * contribution: whoever drives it may stop at any pause, and what is done so far is what counts.
 * Hashes come from the caller, since this room imports nothing.
 */
import type { Arena } from './arena.ts'
import { type Batch, batchPart } from './batch.ts'
import { type Codec, encodedBytes, encodeInPlace } from './compress.ts'
import type { AdapterLayout } from './lora.ts'
import { momentBytes } from './moments.ts'
import type { Ops, Pointer } from './ops.ts'
import type { Trainer } from './train-step.ts'

/** `delta`: local AdamW steps. `gradient`: the gradients of all batches at the same adapter. */
export type Mode = 'delta' | 'gradient'

export interface LocalJob {
  mode: Mode
  codec: Codec
  steps: number
  /** Tokens of one step: batchSequences · S. */
  batchTokens: number
  /** The sequences of all steps, in order. */
  batch: Batch
  /** Which batch of the run the first of them is. */
  firstBatch: number
  /** The round's base (N), and the codes of its second moment or null for a cold start. */
  adapter: Float32Array
  moment: Uint8Array | null
  learningRate: number
  /** The next link of the trace: previous link (null for the first step), state after the step. */
  link: (previous: string | null, state: Uint8Array) => string
}

/** What is done after `steps` steps. */
export interface JobProgress {
  steps: number
  targetTokens: number
  /** Summed over those tokens. */
  lossSum: number
  trace: readonly string[]
}

export type JobPause =
  | { status: 'ok'; progress: JobProgress }
  | { status: 'non-finite'; where: string }
  | { status: 'stopped' }

/**
 * Yields after each step; ends by itself after the last one or after a step that came to nothing.
 */
export function* localJob(trainer: Trainer, job: LocalJob): Generator<JobPause, void, void> {
  const { mode, steps, batchTokens, learningRate, link } = job
  trainer.load(job.adapter, job.moment)
  const trace: string[] = []
  let targetTokens = 0
  let lossSum = 0
  for (let step = 0; step < steps; step++) {
    const part = batchPart(job.batch, step * batchTokens, (step + 1) * batchTokens)
    const batch = { ...part, number: job.firstBatch + step }
    const outcome =
      mode === 'delta' ? trainer.localStep(batch, learningRate) : trainer.gradient(batch)
    if (outcome.status !== 'ok') {
      yield outcome
      return
    }
    targetTokens += outcome.targetTokens
    lossSum += outcome.loss * outcome.targetTokens
    trace.push(link(trace.at(-1) ?? null, trainer.stateInPlace()))
    yield { status: 'ok', progress: { steps: step + 1, targetTokens, lossSum, trace } }
  }
}

/** Bytes of a payload: the encoded delta and, in delta mode, the codes of the second moment. */
export function payloadBytes(mode: Mode, codec: Codec, layout: AdapterLayout): number {
  return encodedBytes(codec, layout.count) + (mode === 'delta' ? momentBytes(layout) : 0)
}

/** What is sent up for the steps that the trainer has done since `load`. */
export function payloadOf(
  ops: Ops,
  arena: Arena,
  trainer: Trainer,
  { mode, codec, adapter }: Pick<LocalJob, 'mode' | 'codec' | 'adapter'>,
): Uint8Array {
  const encoded = (at: Pointer) => encodeInPlace(ops, arena, codec, at, trainer.layout.count)
  if (mode === 'gradient') return encoded(trainer.meanGradientInPlace())
  const delta = encoded(trainer.deltaInPlace(adapter))
  const moment = trainer.moment()
  const payload = new Uint8Array(delta.length + moment.length)
  payload.set(delta)
  payload.set(moment, delta.length)
  return payload
}
