/** What each thread of a job has to itself in the linear memory. */
import { WORKSPACE_BYTES } from './arena.ts'
import type { Noise } from './noise.ts'
import type { Pointer } from './ops.ts'
import type { Place } from './place.ts'
import { type AdapterShape, type ModelShape, TARGETS, targetSize } from './shape.ts'

/** Attention scores exist for this many queries of one head at a time. No result depends on it. */
export const QUERY_BLOCK = 64
/** Logits exist for this many tokens at a time, in each thread. No result depends on it. */
export const TOKEN_BLOCK = 128
/** The words that a gradient is summed over at a time. It decides bits. */
export const VOCABULARY_BLOCK = 2048

/** Rows of a part, at most: what W is packed for once, and what lies between two looks up. */
export const ROWS_MAX = 256
/** Rows of DoRA's V that are measured at a time. No result depends on it. */
export const DIRECTION_ROWS = 32
/** Columns of dA, rows of dB in one part, at most. */
export const COLUMNS_MAX = 256

export interface OwnScratch {
  /** (QUERY_BLOCK,S) */
  scores: Pointer
  dscores: Pointer
  /** (TOKEN_BLOCK,V) */
  logits: Pointer
  /** (TOKEN_BLOCK,D), where the vocabulary is more than one block. */
  partial: Pointer
  /** (ROWS_MAX,I) or (T,COLUMNS_MAX): x without what is dropped; empty where nothing is. */
  dropped: Pointer
  /** Some rows of DoRA's V (DIRECTION_ROWS,I), with their numbers, int32, and s·B. */
  directions: Pointer
  directionIds: Pointer
  directionB: Pointer
  /** WORKSPACE_BYTES for packing; null: the first thread's lies below the arena. */
  workspace: Pointer | null
}

/** The sizes that it follows from. */
interface Sizes {
  model: ModelShape
  sequenceLength: number
  microBatch: number
  noise?: Noise | undefined
  adapter: AdapterShape
}

/** The scratch of one thread. */
export function placeOwn(shape: Sizes, thread: number, place: Place): OwnScratch {
  const { model, sequenceLength: S, microBatch } = shape
  const { vocabSize: V, hiddenSize: D } = model
  const rows = Math.min(TOKEN_BLOCK, microBatch * S)
  const own = (name: string, bytes: number) => place(`threads.${thread}.${name}`, bytes)
  const { dropout = 0 } = shape.noise ?? {}
  const measured = shape.adapter.variant === 'dora' ? DIRECTION_ROWS : 0
  const scoreBytes = 4 * Math.min(QUERY_BLOCK, S) * S
  return {
    scores: own('scores', scoreBytes),
    dscores: own('dscores', scoreBytes),
    logits: own('logits', 4 * rows * V),
    partial: own('partial', V > VOCABULARY_BLOCK ? 4 * rows * D : 0),
    dropped: own('dropped', dropout > 0 ? droppedBytes(shape) : 0),
    directions: own('directions', 4 * measured * widestOf(model)),
    directionIds: own('directions.ids', 4 * measured),
    directionB: own('directions.b', 4 * measured * mostRank(shape.adapter)),
    workspace: thread === 0 ? null : own('workspace', WORKSPACE_BYTES),
  }
}

function droppedBytes({ model, sequenceLength, microBatch }: Sizes): number {
  const T = microBatch * sequenceLength
  const widest = widestOf(model)
  return 4 * Math.max(Math.min(ROWS_MAX, T) * widest, T * Math.min(COLUMNS_MAX, widest))
}

function widestOf(model: ModelShape): number {
  return Math.max(...TARGETS.map((target) => targetSize(model, target).inputs))
}

function mostRank({ adapterRank, exceptions = [] }: AdapterShape): number {
  return Math.max(adapterRank, ...exceptions.map((one) => one.adapterRank))
}
