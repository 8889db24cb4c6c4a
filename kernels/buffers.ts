/**
 * One table of everything a trainer keeps in linear memory, so that the arena is sized before it is
 * made and nothing is allocated in a step. `placeBuffers` is the table; `planMemory` walks it to
 * add up bytes, the trainer walks it to hand out pointers.
 *
 * Kept from forward to backward is what only a matrix product could rebuild; the outputs of norms
 * and of SwiGLU are rebuilt by their row kernels, attention scores block by block.
 */
import { ALIGNMENT_BYTES } from './arena.ts'
import { type AdapterLayout, adapterLayout } from './lora.ts'
import type { Pointer } from './ops.ts'
import { type AdapterShape, type ModelShape, TARGETS, type Target, targetSize } from './shape.ts'
import {
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  inputNormName,
  linearName,
  middleNormName,
} from './weights.ts'

/** Attention scores exist for this many queries of one head at a time. No result depends on it. */
export const QUERY_BLOCK = 64
/** Logits exist for this many tokens at a time. The last bits of the reported loss depend on it. */
export const TOKEN_BLOCK = 128

export interface BatchShape {
  model: ModelShape
  adapter: AdapterShape
  /** S */
  sequenceLength: number
  /** Sequences in one forward and backward: T = microBatch · S. */
  microBatch: number
}

/** A, B and their gradients; h (T,R) = alpha / R · x·Aᵀ is kept for the backward. */
export interface Lora {
  rank: number
  scale: number
  a: Pointer
  b: Pointer
  da: Pointer
  db: Pointer
  h: Pointer
}

/** W (O,I), with an adapter or without. */
export interface Linear {
  inputs: number
  outputs: number
  weight: Pointer
  lora: Lora | null
}

export interface Layer {
  linear: Record<Target, Linear>
  /** Weights (D) of the norms before attention and before the feed-forward part. */
  inputNorm: Pointer
  middleNorm: Pointer
  /** Residual stream (T,D) at the input and between the two parts, with the norms' rstd (T). */
  x: Pointer
  inputRstd: Pointer
  middle: Pointer
  middleRstd: Pointer
  /** After rotation: q (T,H·E), k (T,G·E); v (T,G·E). */
  q: Pointer
  k: Pointer
  v: Pointer
  /** Output of attention (T,H·E). */
  context: Pointer
  /** (T,F) */
  gate: Pointer
  up: Pointer
}

/** Used by one layer after the other. A gradient is named for its value. */
export interface Scratch {
  /** Output of a norm (T,D). */
  normed: Pointer
  dnormed: Pointer
  /** Gradient of the residual stream (T,D). */
  dx: Pointer
  dq: Pointer
  dk: Pointer
  dv: Pointer
  dcontext: Pointer
  /** silu(gate)·up (T,F). */
  activation: Pointer
  dactivation: Pointer
  dgate: Pointer
  dup: Pointer
  /** (T,R) */
  dh: Pointer
  /** (QUERY_BLOCK,S) */
  scores: Pointer
  dscores: Pointer
  /** (TOKEN_BLOCK,V) */
  logits: Pointer
}

export interface Buffers {
  model: ModelShape
  layout: AdapterLayout
  /** theta, m and v (N each), one after the other: the state whose bytes are hashed. */
  theta: Pointer
  m: Pointer
  v: Pointer
  gradient: Pointer
  /** int32 (T) */
  tokens: Pointer
  targets: Pointer
  /** (V,D); a tied head is the embedding. */
  embedding: Pointer
  head: Pointer
  finalNorm: Pointer
  /** (S,E/2) */
  cos: Pointer
  sin: Pointer
  layers: Layer[]
  /** Residual stream (T,D) after the last layer, and its norm's rstd (T). */
  output: Pointer
  outputRstd: Pointer
  scratch: Scratch
}

/** Returns where `count` numbers of four bytes are to live: a multiple of 16. Names are unique. */
export type Place = (name: string, count: number) => Pointer

export interface MemoryPlan {
  buffers: { name: string; bytes: number }[]
  bytes: number
}

/** The buffers of a job, as the arena will round them up, and their sum. Asks for no memory. */
export function planMemory(shape: BatchShape): MemoryPlan {
  const buffers: MemoryPlan['buffers'] = []
  placeBuffers(shape, (name, count) => {
    const blocks = Math.ceil((4 * count) / ALIGNMENT_BYTES)
    buffers.push({ name, bytes: blocks * ALIGNMENT_BYTES })
    return 0
  })
  return { buffers, bytes: buffers.reduce((sum, { bytes }) => sum + bytes, 0) }
}

export function placeBuffers(shape: BatchShape, place: Place): Buffers {
  const { model, sequenceLength: S, microBatch } = shape
  const { vocabSize: V, hiddenSize: D, headDim: E } = model
  const layout = adapterLayout(model, shape.adapter)
  const N = layout.count
  const T = microBatch * S
  const state = place('state', 3 * N)
  const gradient = place('gradient', N)
  const embedding = place(EMBEDDING, V * D)
  return {
    model,
    layout,
    theta: state,
    m: state + 4 * N,
    v: state + 8 * N,
    gradient,
    tokens: place('tokens', T),
    targets: place('targets', T),
    embedding,
    head: model.tiedHead ? embedding : place(HEAD, V * D),
    finalNorm: place(FINAL_NORM, D),
    cos: place('cos', (S * E) / 2),
    sin: place('sin', (S * E) / 2),
    layers: Array.from({ length: model.layerCount }, (_, index) =>
      placeLayer(shape, index, { layout, theta: state, gradient }, place),
    ),
    output: place('output', T * D),
    outputRstd: place('outputRstd', T),
    scratch: placeScratch(shape, place),
  }
}

interface AdapterPlace {
  layout: AdapterLayout
  theta: Pointer
  gradient: Pointer
}

function placeLayer(shape: BatchShape, index: number, adapter: AdapterPlace, place: Place): Layer {
  const { model, sequenceLength, microBatch } = shape
  const { hiddenSize: D, intermediateSize: F, headDim: E } = model
  const T = microBatch * sequenceLength
  const kept = (name: string, columns: number) => place(`layers.${index}.${name}`, T * columns)
  const linear = (target: Target) => placeLinear(shape, index, target, adapter, place)
  return {
    linear: Object.fromEntries(TARGETS.map((target) => [target, linear(target)])) as Record<
      Target,
      Linear
    >,
    inputNorm: place(inputNormName(index), D),
    middleNorm: place(middleNormName(index), D),
    x: kept('x', D),
    inputRstd: kept('inputRstd', 1),
    middle: kept('middle', D),
    middleRstd: kept('middleRstd', 1),
    q: kept('q', model.headCount * E),
    k: kept('k', model.kvHeadCount * E),
    v: kept('v', model.kvHeadCount * E),
    context: kept('context', model.headCount * E),
    gate: kept('gate', F),
    up: kept('up', F),
  }
}

function placeLinear(
  { model, adapter, sequenceLength, microBatch }: BatchShape,
  layer: number,
  target: Target,
  { layout, theta, gradient }: AdapterPlace,
  place: Place,
): Linear {
  const { inputs, outputs } = targetSize(model, target)
  const weight = place(linearName(layer, target), inputs * outputs)
  const own = layout.tensors.filter((t) => t.layer === layer && t.target === target)
  const [a, b] = own
  if (a === undefined || b === undefined) return { inputs, outputs, weight, lora: null }
  const rank = adapter.adapterRank
  const lora = {
    rank,
    scale: adapter.alpha / rank,
    a: theta + 4 * a.offset,
    b: theta + 4 * b.offset,
    da: gradient + 4 * a.offset,
    db: gradient + 4 * b.offset,
    h: place(`layers.${layer}.${target}.h`, microBatch * sequenceLength * rank),
  }
  return { inputs, outputs, weight, lora }
}

function placeScratch(shape: BatchShape, place: Place): Scratch {
  const { model, adapter, sequenceLength: S, microBatch } = shape
  const { vocabSize: V, hiddenSize: D, intermediateSize: F, headDim: E } = model
  const T = microBatch * S
  const scratch = (name: string, rows: number, columns: number) =>
    place(`scratch.${name}`, rows * columns)
  return {
    normed: scratch('normed', T, D),
    dnormed: scratch('dnormed', T, D),
    dx: scratch('dx', T, D),
    dq: scratch('dq', T, model.headCount * E),
    dk: scratch('dk', T, model.kvHeadCount * E),
    dv: scratch('dv', T, model.kvHeadCount * E),
    dcontext: scratch('dcontext', T, model.headCount * E),
    activation: scratch('activation', T, F),
    dactivation: scratch('dactivation', T, F),
    dgate: scratch('dgate', T, F),
    dup: scratch('dup', T, F),
    dh: scratch('dh', T, adapter.adapterRank),
    scores: scratch('scores', Math.min(QUERY_BLOCK, S), S),
    dscores: scratch('dscores', Math.min(QUERY_BLOCK, S), S),
    logits: scratch('logits', Math.min(TOKEN_BLOCK, T), V),
  }
}
