/** What there is to take home from a run: the adapter, its base, and how it came about. */

import type { AdapterShape, ModelShape } from '../../kernels/index.ts'
import type { Digest, RoundScores } from '../../protocol/index.ts'

export interface Takeaway {
  model: ModelShape
  adapter: AdapterShape
  /** N scalars in the order of `adapterLayout`. */
  values: Float32Array
  base: BaseFiles
  run: RunSummary
}

export interface BaseFiles {
  /** Holds config.json and the tokenizer's files. */
  folder: string
  weights: string
}

/** The file of weights that was written. */
export interface WrittenModel {
  path: string
  digest: Digest
  /** The types that they have in it. */
  weights: string
}

/** What a model card says. */
export interface RunSummary {
  name: string
  runId: string
  /** Who coordinated it, for who checks it; null: nothing says it. */
  coordinator: string | null
  base: { name: string; digest: Digest; license: string }
  dataset: {
    name: string
    sequenceLength: number
    trainSequences: number
    /** Targets that the held-out loss is a mean over. */
    heldOutTokens: number
  }
  training: {
    mode: string
    batchSequences: number
    learningRate: number
    schedule: string
    /** What of LoRA+, dropout and NEFTune there was; absent: nothing. */
    rateRatio?: number
    dropout?: number
    embeddingNoise?: number
  }
  /** What it began with, in words; null: the base alone. */
  start: string | null
  /** SHA-256 of the adapter's N scalars, as the journal names it. */
  adapterDigest: Digest
  rounds: number
  /** Whose work was counted, and how many tokens of it; the most first. */
  contributors: readonly { name: string; tokens: number; contributions: number }[]
  /**
   * Nats per token on the held-out split, which no volunteer trained on, after so many rounds: 0 is
   * what it began with. Rising rounds; empty where nothing was measured.
   */
  evaluations: readonly { round: number; loss: number }[]
  /** Scores on the organiser's own questions and prompts; empty where there are none. */
  scores: readonly RoundScores[]
}
