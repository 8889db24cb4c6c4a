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
import {
  type BaseKernels,
  embeddingKind,
  headKind,
  placeGroupWeights,
  placeWeight,
} from './frozen-base.ts'
import { forGroups, GROUPS, type GroupName, mostRanks } from './groups.ts'
import { type AdapterLayout, adapterLayout } from './lora.ts'
import type { Noise } from './noise.ts'
import type { FrozenWeight, Pointer } from './ops.ts'
import { type OwnScratch, placeOwn } from './own-scratch.ts'
import { type Place, placeByTurns } from './place.ts'
import {
  type AdapterPlace,
  type Group,
  placeGroup,
  placeName,
  placeStacks,
  scaledColumns,
} from './place-group.ts'
import { hasReference, type Preference } from './preference.ts'
import type { AdapterShape, ModelShape } from './shape.ts'
import {
  EMBEDDING,
  FINAL_NORM,
  HEAD,
  headNormName,
  inputNormName,
  middleNormName,
} from './weights.ts'

/** Rows of a weight that are stored at a time. */
const STAGING_ROWS = 64

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
  /**
   * The matrices of the last so many layers are read when a step comes to them: 0, or from 3. Rows
   * of an embedding that is no head are read with them, for the tokens of a micro-batch.
   */
  streamedLayers: number
  /** Absent: training draws nothing. */
  noise?: Noise | undefined
  /** What answers are rated by; absent: every target counts for itself. */
  preference?: Preference | undefined
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
  /** (T,O) with DoRA: dy with its columns scaled. */
  du: Record<GroupName, Pointer>
  /** float64 (T): the loss of each token. */
  losses: Pointer
  /** float32 (T): what the gradient of each token's loss is scaled by, where answers are rated. */
  factors: Pointer
  /** Rows of a weight in float32, on their way into its storage. */
  staging: Pointer
  stagingRows: number
}

export interface Buffers {
  model: ModelShape
  /** S */
  sequenceLength: number
  layout: AdapterLayout
  kernels: BaseKernels
  recomputedLayers: number
  /** The first layer whose matrices are read when they are needed; L: all are there. */
  streamedFrom: number
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
  noise: Noise | undefined
  preference: Preference | undefined
  /** uint32 (3) if there is noise: 1 while it is drawn, the batch, its first token here. */
  draw: Pointer
  /** (V,D), a tied head is the embedding; or (T,D), rows of it that are read for T tokens. */
  embedding: FrozenWeight
  /** int32 (T): which of those rows is whose; null: all rows of the vocabulary are there. */
  embeddedRows: Pointer | null
  head: FrozenWeight
  finalNorm: Pointer
  /** (S,E/2) */
  cos: Pointer
  sin: Pointer
  layers: readonly Layer[]
  /** Residual stream (T,D) after the last layer, and its norm's rstd (T). */
  output: Pointer
  outputRstd: Pointer
  /** Residual stream (T,D) of the reference, where there is one: its layers have no adapter. */
  reference: Pointer
  scratch: Scratch
  own: readonly OwnScratch[]
}

export function placeBuffers(shape: BatchShape, place: Place): Buffers {
  const { model, kernels, sequenceLength: S, microBatch, threads, recomputedLayers } = shape
  const { preference } = shape
  const { vocabSize: V, hiddenSize: D, headDim: E } = model
  const layout = adapterLayout(model, shape.adapter)
  const N = layout.count
  const T = microBatch * S
  const state = place('state', 12 * N)
  const gradient = place('gradient', 4 * N)
  const readsRows = shape.streamedLayers > 0 && !model.tiedHead && T < V
  const embedding = placeWeight(embeddingKind(kernels), EMBEDDING, [readsRows ? T : V, D], place)
  const ranks = mostRanks(layout, model.layerCount)
  const stacks = placeStacks(shape, ranks, place)
  const byPlace = Map.groupBy(layout.tensors, (tensor) => placeName(tensor.layer, tensor.target))
  const adapter = { byPlace, theta: state, gradient, ranks, stacks }
  const shared = recomputedLayers > 0 ? placeKept(shape, 'shared', place) : null
  const streamedFrom = model.layerCount - shape.streamedLayers
  const matrices = placeByTurns(streamedFrom, model.layerCount, place, (layer, own) => {
    forGroups((name) => placeGroupWeights(shape, layer, name, GROUPS[name], own))
  })
  return {
    model,
    sequenceLength: S,
    layout,
    kernels,
    recomputedLayers,
    streamedFrom,
    gradient,
    embedding,
    embeddedRows: readsRows ? place('embedded rows', 4 * T) : null,
    theta: state,
    m: state + 4 * N,
    v: state + 8 * N,
    tokens: place('tokens', 4 * T),
    targets: place('targets', 4 * T),
    starts: place('starts', 4 * (T + 1)),
    noise: shape.noise,
    preference,
    draw: place('draw', shape.noise === undefined ? 0 : 12),
    head: model.tiedHead ? embedding : placeWeight(headKind(kernels), HEAD, [V, D], place),
    finalNorm: place(FINAL_NORM, 4 * D),
    cos: place('cos', 2 * S * E),
    sin: place('sin', 2 * S * E),
    layers: Array.from({ length: model.layerCount }, (_, index) =>
      placeLayer(shape, index, adapter, index < recomputedLayers ? shared : null, place, matrices),
    ),
    output: place('output', 4 * T * D),
    outputRstd: place('outputRstd', 4 * T),
    reference: place('reference', preference && hasReference(preference) ? 4 * T * D : 0),
    scratch: placeScratch(shape, ranks, place),
    own: Array.from({ length: threads }, (_, thread) => placeOwn(shape, thread, place)),
  }
}

type Frozen = 'inputNorm' | 'middleNorm' | 'headNorm' | 'qkvBias'
type Kept = Omit<Layer, 'groups' | Frozen | 'x'> & { raw: Record<GroupName, Pointer> }

function placeLayer(
  shape: BatchShape,
  index: number,
  adapter: AdapterPlace,
  shared: Kept | null,
  place: Place,
  matrices: (layer: number) => Place,
): Layer {
  const { model, sequenceLength, microBatch } = shape
  const { hiddenSize: D, headDim: E, headCount: H, kvHeadCount: G } = model
  const T = microBatch * sequenceLength
  const headBytes = model.headNorm ? 4 * E : 0
  const x = place(`layers.${index}.x`, 4 * T * D)
  const { raw, ...kept } = shared ?? placeKept(shape, `layers.${index}`, place)
  const groupPlace = (name: GroupName) => ({
    h: place(`layers.${index}.${name}.h`, 4 * T * adapter.ranks[name]),
    raw: raw[name],
    magnitudes: place(`layers.${index}.${name}.magnitudes`, 2 * 4 * scaledColumns(shape, name)),
  })
  const own = matrices(index)
  return {
    groups: forGroups((name) => placeGroup(shape, index, name, adapter, groupPlace(name), own)),
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
    raw: forGroups((name) => kept(`${name}.raw`, scaledColumns(shape, name))),
  }
}

function placeScratch(shape: BatchShape, ranks: Record<GroupName, number>, place: Place): Scratch {
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
    dh: forGroups((name) => scratch(`${name}.dh`, T, ranks[name])),
    du: forGroups((name) => scratch(`${name}.du`, T, scaledColumns(shape, name))),
    losses: scratch('losses', T, 2),
    factors: scratch('factors', shape.preference === undefined ? 0 : T, 1),
    staging: scratch('staging', STAGING_ROWS, Math.max(D, F, H * E)),
    stagingRows: STAGING_ROWS,
  }
}
