/**
 * What is random in training: dropout of what each A reads, and noise on the embeddings. Both are a
 * function of the run's seed, the batch's number in the run and the place of a number in the batch,
 * so that whoever repeats a step draws the same again, in any micro-batch and on any thread.
 */
import type { Ops, Pointer } from './ops.ts'

export interface Noise {
  seed: number
  /** Share of x that is dropped before A; 0: none. Source: Hu et al. 2021, LoRA, appendix D. */
  dropout: number
  /** alpha of what is added to embeddings; 0: nothing. Source: Jain et al. 2023, NEFTune, §2. */
  embeddings: number
}

/** What is dropped of a micro-batch in training. */
export interface Draw {
  threshold: number
  seed: number
  batch: number
  /** The token of the batch that is the first of the micro-batch. */
  firstToken: number
}

/** Shares are multiples of 2^-16. */
const SHARES = 65_536

/** What of a job's buffers it is drawn by. */
interface Drawn {
  model: { hiddenSize: number }
  sequenceLength: number
  noise: Noise | undefined
  draw: Pointer
}

/** Which batch is drawn for, and its first token that is here; null: nothing is drawn. */
function drawnOf({ memory }: Ops, { noise, draw }: Drawn) {
  if (noise === undefined) return null
  const [isOn, batch, firstToken] = new Uint32Array(memory.buffer, draw, 3)
  return isOn === 1 ? { ...noise, batch: batch!, firstToken: firstToken! } : null
}

/** Null: nothing is dropped. */
export function drawOf(ops: Ops, buffers: Drawn): Draw | null {
  const drawn = drawnOf(ops, buffers)
  if (drawn === null || drawn.dropout === 0) return null
  const { dropout, seed, batch, firstToken } = drawn
  return { threshold: Math.round(dropout * SHARES), seed, batch, firstToken }
}

/** Embeddings x (T,D) += uniform noise within alpha / √(S·D), in training. */
export function addNoise(ops: Ops, buffers: Drawn, y: Pointer, T: number): void {
  const drawn = drawnOf(ops, buffers)
  if (drawn === null || drawn.embeddings === 0) return
  const { embeddings, seed, batch, firstToken: row } = drawn
  const { hiddenSize: D } = buffers.model
  const magnitude = embeddings / Math.sqrt(buffers.sequenceLength * D)
  ops.addNoise({ y, T, D, row, magnitude, seed, batch })
}
