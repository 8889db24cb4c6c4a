/**
 * One table of everything a trainer keeps in linear memory, so that the arena is sized before it is
 * made and nothing is allocated in a step. `placeBuffers` is the table: a plan walks it to add up
 * bytes, the trainer and each of its threads walk it to know where everything is.
 *
 * Kept from forward to backward is what only a matrix product could rebuild; the outputs of norms
 * and of SwiGLU are rebuilt by their row kernels, attention scores block by block. Where memory is
 * short, all layers share one set of it and only their inputs are kept: the backward then runs the
 * layer forward once more, to the same bits.
 */
import { ALIGNMENT_BYTES, WORKSPACE_BYTES } from './arena.ts'
import { type AdapterLayout, adapterLayout } from './lora.ts'
import type { Pointer } from './ops.ts'
import { type AdapterShape, type ModelShape, type Target, targetSize } from './shape.ts'
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
/** Logits exist for this many tokens at a time, in each thread. No result depends on it. */
export const TOKEN_BLOCK = 128

/** Linear layers that read the same x, in the order in which their gradients are added to its. */
export const GROUPS = {
  qkv: ['q', 'k', 'v'],
  o: ['o'],
  gateUp: ['gate', 'up'],
  down: ['down'],
} as const satisfies Record<string, readonly Target[]>
export type GroupName = keyof typeof GROUPS

export interface BatchShape {
  model: ModelShape
  adapter: AdapterShape
  /** S */
  sequenceLength: number
  /** Sequences in one forward and backward: T = microBatch · S. */
  microBatch: number
  /** Threads that each need room for scores, logits and packing. */
  threads: number
  /** Layers keep only their input; the backward runs each of them forward again. */
  recompute: boolean
}

/** A (R,I), B (O,R) and their gradients. */
export interface Lora {
  rank: number
  /** Its first row in the A of all linear layers of the group, one below the other. */
  first: number
  a: Pointer
  b: Pointer
  da: Pointer
  db: Pointer
}

/** W (O,I), with an adapter or without. */
export interface Linear {
  inputs: number
  outputs: number
  weight: Pointer
  lora: Lora | null
}

export interface Group {
  inputs: number
  linears: readonly Linear[]
  /** Rows of A in all of the group; 0 where it has no adapter. */
  ranks: number
  /** alpha / R */
  scale: number
  /** (T,ranks): scale · x·Aᵀ, kept for the backward. */
  h: Pointer
  /** All A, one below the other (ranks,I), and their gradient: copies where there are several. */
  a: Pointer
  da: Pointer
}

export interface Layer {
  groups: Record<GroupName, Group>
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
  /** Gradient of the residual stream (T,D) at a layer's ends, and between its two parts. */
  dx: Pointer
  dmiddle: Pointer
  dq: Pointer
  dk: Pointer
  dv: Pointer
  dcontext: Pointer
  /** silu(gate)·up (T,F). */
  activation: Pointer
  dactivation: Pointer
  dgate: Pointer
  dup: Pointer
  /** (T,ranks) */
  dh: Record<GroupName, Pointer>
  /** float64 (T): the loss of each token. */
  losses: Pointer
}

/** What each thread has to itself. */
export interface OwnScratch {
  /** (QUERY_BLOCK,S) */
  scores: Pointer
  dscores: Pointer
  /** (TOKEN_BLOCK,V) */
  logits: Pointer
  /** WORKSPACE_BYTES for packing; null: the first thread's lies below the arena. */
  workspace: Pointer | null
}

export interface Buffers {
  model: ModelShape
  layout: AdapterLayout
  recompute: boolean
  /** theta, m and v (N each), one after the other: the state whose bytes are hashed. */
  theta: Pointer
  m: Pointer
  v: Pointer
  gradient: Pointer
  /** int32 (T) */
  tokens: Pointer
  targets: Pointer
  /** int32 (T+1): the token each document begins with, then T. */
  starts: Pointer
  /** (V,D); a tied head is the embedding. */
  embedding: Pointer
  head: Pointer
  finalNorm: Pointer
  /** (S,E/2) */
  cos: Pointer
  sin: Pointer
  layers: readonly Layer[]
  /** Residual stream (T,D) after the last layer, and its norm's rstd (T). */
  output: Pointer
  outputRstd: Pointer
  scratch: Scratch
  own: readonly OwnScratch[]
}

/** Returns where `bytes` are to live: a multiple of 64. Names are unique. */
export type Place = (name: string, bytes: number) => Pointer

/** Gives out regions from `start` on, as an arena does that nobody else uses. */
export function placeFrom(start: Pointer, onPlace?: (name: string, at: Pointer) => void): Place {
  let top = start
  return (name, bytes) => {
    const at = top
    top += ALIGNMENT_BYTES * Math.ceil(bytes / ALIGNMENT_BYTES)
    onPlace?.(name, at)
    return at
  }
}

export function placeBuffers(shape: BatchShape, place: Place): Buffers {
  const { model, sequenceLength: S, microBatch, threads, recompute } = shape
  const { vocabSize: V, hiddenSize: D, headDim: E } = model
  const layout = adapterLayout(model, shape.adapter)
  const N = layout.count
  const T = microBatch * S
  const state = place('state', 12 * N)
  const gradient = place('gradient', 4 * N)
  const embedding = place(EMBEDDING, 4 * V * D)
  const adapter = { layout, theta: state, gradient, stacks: placeStacks(shape, place) }
  const shared = recompute ? placeKept(shape, 'shared', place) : null
  return {
    ...{ model, layout, recompute, gradient, embedding },
    theta: state,
    m: state + 4 * N,
    v: state + 8 * N,
    tokens: place('tokens', 4 * T),
    targets: place('targets', 4 * T),
    starts: place('starts', 4 * (T + 1)),
    head: model.tiedHead ? embedding : place(HEAD, 4 * V * D),
    finalNorm: place(FINAL_NORM, 4 * D),
    cos: place('cos', 2 * S * E),
    sin: place('sin', 2 * S * E),
    layers: Array.from({ length: model.layerCount }, (_, index) =>
      placeLayer(shape, index, adapter, shared, place),
    ),
    output: place('output', 4 * T * D),
    outputRstd: place('outputRstd', 4 * T),
    scratch: placeScratch(shape, place),
    own: Array.from({ length: threads }, (_, thread) => placeOwn(shape, thread, place)),
  }
}

interface AdapterPlace {
  layout: AdapterLayout
  theta: Pointer
  gradient: Pointer
  stacks: Record<GroupName, { a: Pointer; da: Pointer }>
}

type Kept = Omit<Layer, 'groups' | 'inputNorm' | 'middleNorm' | 'x'> & {
  h: Record<GroupName, Pointer>
}

function placeLayer(
  shape: BatchShape,
  index: number,
  adapter: AdapterPlace,
  shared: Kept | null,
  place: Place,
): Layer {
  const { model, sequenceLength, microBatch } = shape
  const D = model.hiddenSize
  const x = place(`layers.${index}.x`, 4 * microBatch * sequenceLength * D)
  const { h, ...kept } = shared ?? placeKept(shape, `layers.${index}`, place)
  return {
    groups: forGroups((name) => placeGroup(shape, index, name, adapter, h[name], place)),
    inputNorm: place(inputNormName(index), 4 * D),
    middleNorm: place(middleNormName(index), 4 * D),
    x,
    ...kept,
  }
}

/** What the backward of a layer needs besides the layer's input. */
function placeKept(shape: BatchShape, owner: string, place: Place): Kept {
  const { model, sequenceLength, microBatch } = shape
  const { hiddenSize: D, intermediateSize: F, headDim: E, headCount: H, kvHeadCount: G } = model
  const kept = (name: string, columns: number) =>
    place(`${owner}.${name}`, 4 * microBatch * sequenceLength * columns)
  return {
    inputRstd: kept('inputRstd', 1),
    middle: kept('middle', D),
    middleRstd: kept('middleRstd', 1),
    q: kept('q', H * E),
    k: kept('k', G * E),
    v: kept('v', G * E),
    context: kept('context', H * E),
    gate: kept('gate', F),
    up: kept('up', F),
    h: forGroups((name) => kept(`${name}.h`, ranksOf(shape, name))),
  }
}

function placeGroup(
  shape: BatchShape,
  layer: number,
  name: GroupName,
  adapter: AdapterPlace,
  h: Pointer,
  place: Place,
): Group {
  const { adapterRank, alpha } = shape.adapter
  let ranks = 0
  const linears = GROUPS[name].map((target): Linear => {
    const { inputs, outputs } = targetSize(shape.model, target)
    const weight = place(linearName(layer, target), 4 * inputs * outputs)
    const lora = loraOf(adapter, layer, target, ranks)
    ranks += lora?.rank ?? 0
    return { inputs, outputs, weight, lora }
  })
  const carriers = linears.flatMap(({ lora }) => lora ?? [])
  const { a, da } = carriers.length === 1 ? carriers[0]! : adapter.stacks[name]
  return { inputs: linears[0]!.inputs, linears, ranks, scale: alpha / adapterRank, h, a, da }
}

function loraOf(
  { layout, theta, gradient }: AdapterPlace,
  layer: number,
  target: Target,
  first: number,
): Lora | null {
  const [a, b] = layout.tensors.filter((t) => t.layer === layer && t.target === target)
  if (a === undefined || b === undefined) return null
  return {
    rank: a.rows,
    first,
    a: theta + 4 * a.offset,
    b: theta + 4 * b.offset,
    da: gradient + 4 * a.offset,
    db: gradient + 4 * b.offset,
  }
}

function ranksOf({ adapter }: BatchShape, name: GroupName): number {
  const carriers = GROUPS[name].filter((target) => adapter.targets.includes(target))
  return adapter.adapterRank * carriers.length
}

/** Room for the A of groups that have several, used by one layer after the other. */
function placeStacks(shape: BatchShape, place: Place): AdapterPlace['stacks'] {
  return forGroups((name) => {
    const { inputs } = targetSize(shape.model, GROUPS[name][0])
    const ranks = ranksOf(shape, name)
    const bytes = ranks > shape.adapter.adapterRank ? 4 * ranks * inputs : 0
    return { a: place(`scratch.${name}.a`, bytes), da: place(`scratch.${name}.da`, bytes) }
  })
}

function placeScratch(shape: BatchShape, place: Place): Scratch {
  const { model, sequenceLength: S, microBatch } = shape
  const { hiddenSize: D, intermediateSize: F, headDim: E, headCount: H, kvHeadCount: G } = model
  const T = microBatch * S
  const scratch = (name: string, rows: number, columns: number) =>
    place(`scratch.${name}`, 4 * rows * columns)
  return {
    normed: scratch('normed', T, D),
    dnormed: scratch('dnormed', T, D),
    dx: scratch('dx', T, D),
    dmiddle: scratch('dmiddle', T, D),
    dq: scratch('dq', T, H * E),
    dk: scratch('dk', T, G * E),
    dv: scratch('dv', T, G * E),
    dcontext: scratch('dcontext', T, H * E),
    activation: scratch('activation', T, F),
    dactivation: scratch('dactivation', T, F),
    dgate: scratch('dgate', T, F),
    dup: scratch('dup', T, F),
    dh: forGroups((name) => scratch(`${name}.dh`, T, ranksOf(shape, name))),
    losses: scratch('losses', T, 2),
  }
}

function placeOwn(shape: BatchShape, thread: number, place: Place): OwnScratch {
  const { model, sequenceLength: S, microBatch } = shape
  const own = (name: string, bytes: number) => place(`threads.${thread}.${name}`, bytes)
  const scoreBytes = 4 * Math.min(QUERY_BLOCK, S) * S
  return {
    scores: own('scores', scoreBytes),
    dscores: own('dscores', scoreBytes),
    logits: own('logits', 4 * Math.min(TOKEN_BLOCK, microBatch * S) * model.vocabSize),
    workspace: thread === 0 ? null : own('workspace', WORKSPACE_BYTES),
  }
}

function forGroups<T>(value: (name: GroupName) => T): Record<GroupName, T> {
  const names = Object.keys(GROUPS) as GroupName[]
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<GroupName, T>
}
