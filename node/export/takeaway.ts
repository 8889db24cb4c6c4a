/** What there is to take home from a run: the adapter, its base, and how it came about. */

import type { AdapterShape, ModelShape } from '../../kernels/index.ts'
import type { Digest, RoundScores, RunConfig } from '../../protocol/index.ts'

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
  /** Where merged matrices became blocks: what they lost. */
  rounding?: RoundingError
}

/** The root mean square of the differences that rounding made, in units of that of others. */
export interface RoundingError {
  /** 1 would be as much as the merged matrices themselves. */
  ofWeights: number
  /** 1 is as much as training changed in them: hardly any of it is left then. */
  ofLearned: number
}

/** What a model card says. */
export interface RunSummary {
  name: string
  runId: string
  /** Who coordinated it, for who checks it; null: nothing says it. */
  coordinator: string | null
  base: {
    name: string
    digest: Digest
    license: string
    /** What its weights lie in; `blocks`: a GGUF of weights alone, which the run itself made. */
    file: 'safetensors' | 'gguf' | 'blocks'
  }
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
    /** What answers were rated by; absent: every token of the data was learned that counts. */
    preference?: NonNullable<RunConfig['training']['preference']>
  }
  /** What it began with, in words; null: the base alone. */
  start: string | null
  /** SHA-256 of the adapter's N scalars, as the journal names it. */
  adapterDigest: Digest
  rounds: number
  /** Whose work was counted, and how many tokens of it; the most first. */
  contributors: readonly { name: string; tokens: number; contributions: number }[]
  /**
   * The loss on the held-out split, which no volunteer trained on, after so many rounds: 0 is what
   * it began with. Nats per token, or, where answers are rated, what those are rated by, with the
   * share of them that has a margin above 0, and the mean margin. Rising rounds; empty where
   * nothing was measured.
   */
  evaluations: readonly { round: number; loss: number; accuracy?: number; margin?: number }[]
  /** Scores on the organiser's own questions and prompts; empty where there are none. */
  scores: readonly RoundScores[]
}
