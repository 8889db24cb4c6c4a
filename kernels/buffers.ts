/**
 * One table of everything a trainer keeps in linear memory, so that the arena is sized before it is
 * made and nothing is allocated in a step. `placeBuffers` is the table: a plan walks it to add up
 * bytes, the trainer and each of its threads walk it to know where everything is.
 *
 * Kept from forward to backward is what only a matrix product could rebuild; the outputs of norms
 * and of SwiGLU are rebuilt by their row kernels, attention scores block by block. Where memory is
 * short, the first layers share one set of it and only their inputs are kept: the backward then
 * runs them forward once more, to the same bits.
 */
import { align, WORKSPACE_BYTES } from './arena.ts'
import {
  type BaseKernels,
  embeddingKind,
  type GroupWeight,
  headKind,
  placeGroupWeights,
  placeWeight,
} from './frozen-base.ts'
import { type AdapterLayout, adapterLayout } from './lora.ts'
import type { FrozenWeight, Pointer } from './ops.ts'
import { type AdapterShape, type ModelShape, type Target, targetSize } from './shape.ts'
import {
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  headNormName,
  inputNormName,
  middleNormName,
} from './weights.ts'

/** Attention scores exist for this many queries of one head at a time. No result depends on it. */
export const QUERY_BLOCK = 64
/** Logits exist for this many tokens at a time, in each thread. No result depends on it. */
export const TOKEN_BLOCK = 128

/** Rows of a weight that are stored at a time. */
const STAGING_ROWS = 64

/** Linear layers that read the same x: worked off as one, with their outputs side by side. */
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
  kernels: BaseKernels
  /** S */
  sequenceLength: number
  /** Sequences in one forward and backward: T = microBatch · S. */
  microBatch: number
  /** Threads that each need room for scores, logits and packing. */
  threads: number
  /** The first so many layers keep only their input; the backward runs them forward again. */
  recomputedLayers: number
}

/** A (R,I), B (O,R) and their gradients, of one linear layer of a group. */
export interface Lora {
  rank: number
  outputs: number
  /** Its first row in the A of the group, and its first column in the outputs. */
  row: number
  column: number
  a: Pointer
  b: Pointer
  da: Pointer
  db: Pointer
}

/** Linear layers that read the same x: W (O,I) is theirs, one below the other. */
export interface Group {
  inputs: number
  outputs: number
  weights: readonly GroupWeight[]
  loras: readonly Lora[]
  /** Rows of A, one below the other; 0 where the group has no adapter. */
  ranks: number
  /** alpha / R */
  scale: number
  /** (T,ranks): scale · x·Aᵀ, kept for the backward. */
  h: Pointer
  /** A (ranks,I) and its gradient: copies where it has several parts. */
  a: Pointer
  da: Pointer
}

export interface Layer {
  groups: Record<GroupName, Group>
  /** Weights (D) of the norms before attention and before the feed-forward part. */
  inputNorm: Pointer
  middleNorm: Pointer
  /** Weights (E) of the norm of each head of q and k, where the model has one. */
  headNorm: Record<'q' | 'k', Pointer>
  /** ((H+2G)·E), where the model has one. */
  qkvBias: Pointer
  /** Residual stream (T,D) at the input and between the two parts, with the norms' rstd (T). */
  x: Pointer
  inputRstd: Pointer
  middle: Pointer
  middleRstd: Pointer
  /** (T,(H+2G)·E): q and k after rotation, and v. */
  qkv: Pointer
  /** q and k before their heads are normed (T,(H+G)·E), if they are, and rstd (T,H+G). */
  rawHeads: Pointer
  headRstd: Pointer
  /** Output of attention (T,H·E). */
  context: Pointer
  /** (T,2F) */
  gateUp: Pointer
}

/** Used by one layer after the other. A gradient is named for its value. */
export interface Scratch {
  /** Output of a norm (T,D). */
  normed: Pointer
  dnormed: Pointer
  /** Gradient of the residual stream (T,D) at a layer's ends, and between its two parts. */
  dx: Pointer
  dmiddle: Pointer
  dqkv: Pointer
  dcontext: Pointer
  /** silu(gate)·up (T,F). */
  activation: Pointer
  dactivation: Pointer
  dgateUp: Pointer
  /** (T,ranks) */
  dh: Record<GroupName, Pointer>
  /** float64 (T): the loss of each token. */
  losses: Pointer
  /** Rows of a weight in float32, on their way into its storage. */
  staging: Pointer
  stagingRows: number
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
  kernels: BaseKernels
  recomputedLayers: number
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
  embedding: FrozenWeight
  head: FrozenWeight
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
export function placeFrom(start: Pointer): Place {
  let top = start
  return (_name, bytes) => {
    const at = top
    top += align(bytes)
    return at
  }
}

export function placeBuffers(shape: BatchShape, place: Place): Buffers {
  const { model, kernels, sequenceLength: S, microBatch, threads, recomputedLayers } = shape
  const { vocabSize: V, hiddenSize: D, headDim: E } = model
  const layout = adapterLayout(model, shape.adapter)
  const N = layout.count
  const T = microBatch * S
  const state = place('state', 12 * N)
  const gradient = place('gradient', 4 * N)
  const embedding = placeWeight(embeddingKind(kernels), EMBEDDING, [V, D], place)
  const adapter = { layout, theta: state, gradient, stacks: placeStacks(shape, place) }
  const shared = recomputedLayers > 0 ? placeKept(shape, 'shared', place) : null
  return {
    model,
    layout,
    kernels,
    recomputedLayers,
    gradient,
    embedding,
    theta: state,
    m: state + 4 * N,
    v: state + 8 * N,
    tokens: place('tokens', 4 * T),
    targets: place('targets', 4 * T),
    starts: place('starts', 4 * (T + 1)),
    head: model.tiedHead ? embedding : placeWeight(headKind(kernels), HEAD, [V, D], place),
    finalNorm: place(FINAL_NORM, 4 * D),
    cos: place('cos', 2 * S * E),
    sin: place('sin', 2 * S * E),
    layers: Array.from({ length: model.layerCount }, (_, index) =>
      placeLayer(shape, index, adapter, index < recomputedLayers ? shared : null, place),
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

type Frozen = 'inputNorm' | 'middleNorm' | 'headNorm' | 'qkvBias'
type Kept = Omit<Layer, 'groups' | Frozen | 'x'>

function placeLayer(
  shape: BatchShape,
  index: number,
  adapter: AdapterPlace,
  shared: Kept | null,
  place: Place,
): Layer {
  const { model, sequenceLength, microBatch } = shape
  const { hiddenSize: D, headDim: E, headCount: H, kvHeadCount: G } = model
  const T = microBatch * sequenceLength
  const headBytes = model.headNorm ? 4 * E : 0
  const x = place(`layers.${index}.x`, 4 * T * D)
  const kept = shared ?? placeKept(shape, `layers.${index}`, place)
  const placeH = (name: GroupName) =>
    place(`layers.${index}.${name}.h`, 4 * T * ranksOf(shape, name))
  return {
    groups: forGroups((name) => placeGroup(shape, index, name, adapter, placeH(name), place)),
    inputNorm: place(inputNormName(index), 4 * D),
    middleNorm: place(middleNormName(index), 4 * D),
    headNorm: {
      q: place(headNormName(index, 'q'), headBytes),
      k: place(headNormName(index, 'k'), headBytes),
    },
    qkvBias: place(`layers.${index}.qkv.bias`, model.qkvBias ? 4 * (H + 2 * G) * E : 0),
    x,
    ...kept,
  }
}

/**
 * What the backward of a layer needs besides its input and its h; `forwardToMiddle` makes it again.
 */
function placeKept(shape: BatchShape, owner: string, place: Place): Kept {
  const { model, sequenceLength, microBatch } = shape
  const { hiddenSize: D, intermediateSize: F, headDim: E, headCount: H, kvHeadCount: G } = model
  const kept = (name: string, columns: number) =>
    place(`${owner}.${name}`, 4 * microBatch * sequenceLength * columns)
  return {
    inputRstd: kept('inputRstd', 1),
    middle: kept('middle', D),
    middleRstd: kept('middleRstd', 1),
    qkv: kept('qkv', (H + 2 * G) * E),
    rawHeads: kept('rawHeads', model.headNorm ? (H + G) * E : 0),
    headRstd: kept('headRstd', model.headNorm ? H + G : 0),
    context: kept('context', H * E),
    gateUp: kept('gateUp', 2 * F),
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
  const { inputs } = targetSize(shape.model, GROUPS[name][0])
  const loras: Lora[] = []
  let outputs = 0
  for (const target of GROUPS[name]) {
    const size = targetSize(shape.model, target).outputs
    const tensors = tensorsOf(adapter, layer, target)
    const row = loras.length * adapterRank
    if (tensors !== null) {
      loras.push({ rank: adapterRank, outputs: size, row, column: outputs, ...tensors })
    }
    outputs += size
  }
  const { a, da } = loras.length === 1 ? loras[0]! : adapter.stacks[name]
  const weights = placeGroupWeights(shape, layer, name, GROUPS[name], place)
  const ranks = loras.length * adapterRank
  return { inputs, outputs, weights, loras, ranks, scale: alpha / adapterRank, h, a, da }
}

function tensorsOf(
  { layout, theta, gradient }: AdapterPlace,
  layer: number,
  target: Target,
): Pick<Lora, 'a' | 'b' | 'da' | 'db'> | null {
  const [a, b] = layout.tensors.filter((t) => t.layer === layer && t.target === target)
  if (a === undefined || b === undefined) return null
  return {
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
    dqkv: scratch('dqkv', T, (H + 2 * G) * E),
    dcontext: scratch('dcontext', T, H * E),
    activation: scratch('activation', T, F),
    dactivation: scratch('dactivation', T, F),
    dgateUp: scratch('dgateUp', T, 2 * F),
    dh: forGroups((name) => scratch(`${name}.dh`, T, ranksOf(shape, name))),
    losses: scratch('losses', T, 2),
    staging: scratch('staging', STAGING_ROWS, Math.max(D, F, H * E)),
    stagingRows: STAGING_ROWS,
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
