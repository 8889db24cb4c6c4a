/** What each thread of a job has to itself in the linear memory. */
import { WORKSPACE_BYTES } from './arena.ts'
import type { Pointer } from './ops.ts'
import type { Place } from './place.ts'

/** Attention scores exist for this many queries of one head at a time. No result depends on it. */
export const QUERY_BLOCK = 64
/** Logits exist for this many tokens at a time, in each thread. No result depends on it. */
export const TOKEN_BLOCK = 128
/** The words that a gradient is summed over at a time. It decides bits. */
export const VOCABULARY_BLOCK = 2048

export interface OwnScratch {
  /** (QUERY_BLOCK,S) */
  scores: Pointer
  dscores: Pointer
  /** (TOKEN_BLOCK,V) */
  logits: Pointer
  /** (TOKEN_BLOCK,D), where the vocabulary is more than one block. */
  partial: Pointer
  /** WORKSPACE_BYTES for packing; null: the first thread's lies below the arena. */
  workspace: Pointer | null
}

/** The sizes that it follows from. */
interface Sizes {
  model: { vocabSize: number; hiddenSize: number }
  sequenceLength: number
  microBatch: number
}

/** The scratch of one thread. */
export function placeOwn(shape: Sizes, thread: number, place: Place): OwnScratch {
  const { model, sequenceLength: S, microBatch } = shape
  const { vocabSize: V, hiddenSize: D } = model
  const rows = Math.min(TOKEN_BLOCK, microBatch * S)
  const own = (name: string, bytes: number) => place(`threads.${thread}.${name}`, bytes)
  const scoreBytes = 4 * Math.min(QUERY_BLOCK, S) * S
  return {
    scores: own('scores', scoreBytes),
    dscores: own('dscores', scoreBytes),
    logits: own('logits', 4 * rows * V),
    partial: own('partial', V > VOCABULARY_BLOCK ? 4 * rows * D : 0),
    workspace: thread === 0 ? null : own('workspace', WORKSPACE_BYTES),
  }
}
