/**
 * What the main thread asks of the compute thread. Every task is a pure function of its input (and
 * of what was set up or opened before), so it can be asked again, anywhere, for the same bytes.
 */

import type {
  Batch,
  Control,
  Evaluation,
  GeneratorShape,
  JobShape,
  Measured,
  MergeRule,
  Scores,
} from '../../kernels/index.ts'
import type { Digest, LeaseId, RunConfig } from '../../protocol/index.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import type { Sampling } from './sample.ts'

export interface TrainInput extends Batch {
  leaseId: LeaseId
  /** Which batch of the run is that of the first step. */
  firstBatch: number
  steps: number
  /** The round's base adapter, N scalars in layout order. */
  adapter: Float32Array
  /** Codes of the second moment to start from; null: cold. */
  moment: Uint8Array | null
  learningRate: number
  /** The link before the first. */
  traceStart: Digest
}

/** Where a training is: after so many steps of it. */
export interface StepProgress {
  leaseId: LeaseId
  steps: number
  /** A step took so long on average, and so much of it was waiting for layers to be read. */
  stepMs: number
  waitMs: number
  loss: number
}

export type TrainOutput =
  | {
      status: 'trained'
      steps: number
      tokens: number
      loss: number
      trace: Digest[]
      payload: Uint8Array
      stepMs: number
      /** Why the step after the last came to nothing; null: none did. */
      failure: string | null
    }
  /** It was ended before its first step was done. */
  | { status: 'empty' }
  | { status: 'failed'; reason: string }

/** What of an earlier round is taken back, without its payloads. */
export interface CorrectionInput {
  config: RunConfig
  /** Serialised; a correction has a round before it. */
  outerState: Uint8Array
  merge: MergeRule
  theta: number
  momentum: number
  /** All that the round counted, in canonical order; summed are those that are taken back. */
  rows: { weight: number; clip: number; isSummed: boolean }[]
}

/** A merge without its payloads. */
export interface MergeInput {
  config: RunConfig
  /** What round 0 starts from; absent: what the seed gives. */
  first?: Float32Array
  /** Serialised outer state; null in round 0, where it follows from what that starts from. */
  outerState: Uint8Array | null
  merge: MergeRule
  learningRate: number
  outerScale: number
  /** The contributions, in canonical order. */
  contributions: { leaseId: LeaseId; measured: Measured; tokens: number; steps: number }[]
}

export interface AggregateOutput {
  outerState: Uint8Array
  /** The canonical adapter's bytes. */
  adapter: Uint8Array
  /** The quantised server delta. */
  update: Uint8Array
  moment: Uint8Array | null
  counted: { leaseId: LeaseId; weight: number; clip: number }[]
  rejected: { leaseId: LeaseId; reason: string }[]
  /** Those that point against the others, in canonical order. */
  contrary: LeaseId[]
}

/** A model to read and write with. */
export interface ModelInput {
  shape: GeneratorShape
  weights: BlobFile
  /** What its memory may grow to, where streaming can do with that; absent: all there is. */
  bytesMax?: number
}

/** What is on the base: null: nothing; absent: what the task before had, which saves sending it. */
interface OnBase {
  adapter?: Float32Array | null
}

export interface GenerateInput extends OnBase {
  prompt: Int32Array
  tokensMax: number
  sampling: Sampling
  seed: number
  stopIds: readonly number[]
}

export interface ScoreInput extends Batch, OnBase {}

/** What the model says of each token's target. */
export type ScoreOutput = Scores

export interface LogitsInput extends OnBase {
  tokens: Int32Array
}

/** Every task by name: what goes in, what comes out. */
export interface Tasks {
  'set-up': { input: { config: RunConfig; job: JobShape; weights: BlobFile }; output: null }
  'apply-update': {
    input: { config: RunConfig; adapter: Float32Array; update: Uint8Array }
    output: Float32Array
  }
  train: { input: TrainInput; output: TrainOutput }
  evaluate: {
    input: Batch & { adapter: Float32Array | null }
    output: Evaluation
  }
  /** The payload is given away. */
  measure: { input: { config: RunConfig; payload: Uint8Array }; output: Measured }
  /**
   * Opens a merge, in place of one that was not closed. Its payloads follow in their order; the
   * output says how often all of them.
   */
  'open-merge': { input: MergeInput; output: number }
  /** They are given away. */
  'add-payloads': { input: readonly Uint8Array[]; output: null }
  /** A correction gives the outer state that the merge continues from. */
  'open-correction': { input: CorrectionInput; output: number }
  /** They are given away. */
  'subtract-payloads': { input: readonly Uint8Array[]; output: null }
  'close-correction': { input: null; output: Uint8Array }
  'close-merge': { input: null; output: AggregateOutput }
  'open-model': { input: ModelInput; output: null }
  /** The rest need a model that is open. Each token is told as it is written. */
  generate: { input: GenerateInput; output: Int32Array }
  score: { input: ScoreInput; output: ScoreOutput }
  logits: { input: LogitsInput; output: Float32Array }
}
export type TaskName = keyof Tasks

/** What the compute thread is started with. */
export interface WorkerData {
  control: Control
  /** See `sharedTiles`. */
  findings: Int32Array<SharedArrayBuffer>
  /** Compiled as it was found to be right; null: it is not known how yet. */
  kernels: WebAssembly.Module | null
}

export type ToWorker =
  | { [K in TaskName]: { type: 'task'; id: number; name: K; input: Tasks[K]['input'] } }[TaskName]
  /**
   * End the training of a lease: `stop` with what is done after the step in progress, `cut` with
   * what is done before it, `abandon` with nothing.
   */
  | { type: 'stop' | 'cut' | 'abandon'; leaseId: LeaseId }
  /** End the text that is being written. */
  | { type: 'stop-writing' }

export type FromWorker =
  | { type: 'done'; id: number; output: Tasks[TaskName]['output'] }
  | { type: 'error'; id: number; message: string }
  | { type: 'token'; id: number; token: number }
  | ({ type: 'step' } & StepProgress)
