/**
 * The decoder, read top to bottom: embedding, layers, head; and back again down to the adapter.
 *
 * The base is frozen, so the backward carries gradients of activations and of the adapter only, and
 * stops where nothing below can learn. T tokens are one or more documents, one after the other.
 *
 * The work is a list of stages. Each is cut into parts that depend on no other part of it, and the
 * parts are worked off by a team of threads, the leader among them:
 *
 *   rowNorms    norms (rows of V, for a new adapter with DoRA)                     for each layer
 *   forward     inputs (rows), attention (heads), middle (rows), output (rows)     for each layer
 *   head        norm, logits, loss and its gradient (rows)
 *   backward    feedForward (rows), feedForwardSums (columns),
 *               attentionBackward (heads), qkv (rows), qkvSums (columns)           for each layer
 *
 * The reference of a preference is the same decoder with no adapter. It goes through each layer
 * just before the adapter's model does, so that a layer which is streamed is read once for both,
 * and what it keeps of a layer is overwritten at once: it has no backward.
 */
import { attentionBackward, attentionForward, attentionParts } from './attention.ts'
import type { Buffers, Layer } from './buffers.ts'
import { directionParts, hasMagnitudes, measureDirections } from './dora.ts'
import type { Embed } from './embedding.ts'
import type { Feed } from './feed.ts'
import { forGroups } from './groups.ts'
import { headPart, headParts, headRows } from './head.ts'
import {
  attentionInputs,
  attentionInputsBackward,
  feedForwardBackward,
  feedForwardInputs,
  feedForwardOutput,
  groupGradients,
  type Thread,
} from './layer.ts'
import {
  adapterGradient,
  adapterParts,
  type Drop,
  type Rows,
  stackA,
  stackGradients,
  unstackGradients,
} from './linear.ts'
import { addNoise, drawOf } from './noise.ts'
import type { Ops, Pointer } from './ops.ts'
import { type OwnScratch, ROWS_MAX } from './own-scratch.ts'
import type { Stage, Team } from './threads.ts'

/** Parts are multiples of this many rows, the least common multiple of the tiles' rows. */
const ROWS_UNIT = 20

/** One micro-batch: T tokens, which `documents` documents begin in buffers.starts. */
export interface MicroBatch {
  T: number
  documents: number
}

/**
 * The numbers that each stage gets: layer, T, documents, and one more where it says so. Layers from
 * L on are those of the reference; of the head L says that it is the reference's, and 0 that not.
 */
const STAGES = [
  'inputs',
  'attention',
  'middle',
  'output',
  'head',
  'feedForward',
  'feedForwardSums',
  'attentionBackward',
  'qkv',
  'qkvSums',
  'rowNorms',
] as const
type StageName = (typeof STAGES)[number]

/** What one thread does for each stage, in the order of STAGES. */
export function decoderStages(ops: Ops, buffers: Buffers, index: number): Stage[] {
  const { scratch } = buffers
  const L = buffers.layers.length
  const layers = [...buffers.layers, ...referenceLayers(buffers)]
  const firstAdapted = firstAdaptedOf(buffers)
  let documents = 0
  const thread: Thread = {
    ops,
    buffers,
    own: buffers.own[index]!,
    starts: () => new Int32Array(ops.memory.buffer, buffers.starts, documents + 1),
    draw: () => dropOf(ops, buffers, buffers.own[index]!),
  }
  const run: Record<StageName, (layer: number, T: number, part: number, extra: number) => void> = {
    inputs: (l, T, part, size) => attentionInputs(thread, layers[l]!, rowsOf(part, size, T)),
    attention: (l, _, part) => attentionForward(thread, layers[l]!.context, layers[l]!.qkv, part),
    middle: (l, T, part, size) => feedForwardInputs(thread, layers[l]!, rowsOf(part, size, T)),
    output: (l, T, part, size) => {
      const y = l === L - 1 ? buffers.output : (layers[l + 1] ?? layers[l]!).x
      feedForwardOutput(thread, y, layers[l]!, rowsOf(part, size, T))
    },
    head: (l, T, part, gradientScale) => {
      headPart(thread, l < L ? buffers.output : buffers.reference, part, T, gradientScale)
    },
    feedForward: (l, T, part, size) =>
      feedForwardBackward(thread, layers[l]!, rowsOf(part, size, T)),
    feedForwardSums: (l, T, part) => {
      const [name, piece] = feedForwardParts(buffers, l)[part]!
      adapterGradient(ops, piece, groupGradients(buffers, layers[l]!)[name], T, thread.draw())
    },
    attentionBackward: (l, _, part) =>
      attentionBackward(thread, scratch.dqkv, scratch.dcontext, layers[l]!.qkv, part),
    qkv: (l, T, part, size) =>
      attentionInputsBackward(thread, layers[l]!, rowsOf(part, size, T), l > firstAdapted),
    qkvSums: (l, T, part) => {
      const piece = adapterParts(layers[l]!.groups.qkv)[part]!
      adapterGradient(ops, piece, groupGradients(buffers, layers[l]!).qkv, T, thread.draw())
    },
    rowNorms: (l, _, part) => measureDirections(ops, thread.own, directionParts(layers[l]!)[part]!),
  }
  return STAGES.map((name) => (part, [layer, T, count, extra]) => {
    documents = count!
    run[name](layer!, T!, part, extra!)
  })
}

/** They share one residual stream, which a layer reads whole before it writes it. */
function referenceLayers({ layers, reference }: Buffers): Layer[] {
  return layers.map((layer) => {
    const groups = forGroups((name) => ({ ...layer.groups[name], loras: [], ranks: 0 }))
    return { ...layer, x: reference, groups }
  })
}

function dropOf(ops: Ops, buffers: Buffers, { dropped }: OwnScratch): Drop | null {
  const draw = drawOf(ops, buffers)
  return draw && { ...draw, dropped }
}

/** The leader's way through the stages; false: given up on the way. */
export interface Decoder {
  /** What is derived from the adapter is to be derived again. */
  adapterChanged(): void
  /** buffers.tokens -> buffers.output. Keeps what the backward needs. */
  forward(batch: MicroBatch): boolean
  /** The same, and with it the reference: -> buffers.reference. */
  forwardBoth(batch: MicroBatch): boolean
  /** The losses of the tokens, to scratch.losses. */
  losses(batch: MicroBatch): boolean
  /** The same of a micro-batch that went forward. */
  score(batch: MicroBatch, by: 'model' | 'reference'): boolean
  /** The backward of one that did, each token's loss scaled by scratch.factors. */
  backward(batch: MicroBatch): boolean
  /**
   * Forward and backward: losses, and gradientScale · the gradient of their sum is added to
   * buffers.gradient.
   */
  gradient(batch: MicroBatch, gradientScale: number): boolean
  /** Logits (V) of one token of a micro-batch that went forward. */
  logits(token: number): Pointer
}

export function createDecoder(
  ops: Ops,
  buffers: Buffers,
  team: Team,
  { embed, feed }: { embed: Embed; feed: Feed },
): Decoder {
  const measured = new Set<number>()
  const lead: Lead = { ops, buffers, team, embed, feed, measured }
  const own = buffers.own[0]!
  const starts = () => new Int32Array(0)
  const thread: Thread = { ops, buffers, own, starts, draw: () => null }
  return {
    adapterChanged: () => measured.clear(),
    forward: (batch) => forward(lead, batch),
    forwardBoth: (batch) => forward(lead, batch, true),
    score: (batch, by) => head(lead, batch, 0, by),
    backward: (batch) => head(lead, batch, 1) && backward(lead, batch),
    losses: (batch) => forward(lead, batch) && head(lead, batch, 0),
    gradient: (batch, gradientScale) =>
      forward(lead, batch) && head(lead, batch, gradientScale) && backward(lead, batch),
    logits: (token) => {
      headRows(thread, { first: token, count: 1 })
      return own.logits
    },
  }
}

/** What the leader works with. */
interface Lead {
  ops: Ops
  buffers: Buffers
  team: Team
  embed: Embed
  /** Asked for each layer before anything is multiplied with its matrices. */
  feed: Feed
  /** The layers whose row norms are those of the adapter in place. */
  measured: Set<number>
}

function forward(lead: Lead, batch: MicroBatch, withReference = false): boolean {
  const { ops, embed, feed } = lead
  const { layers, model, reference } = lead.buffers
  const { x } = layers[0]!
  embed(x, { first: 0, count: batch.T })
  if (withReference) ops.copy(reference, x, batch.T * model.hiddenSize)
  addNoise(ops, lead.buffers, x, batch.T)
  return layers.every((_, layer) => {
    const next = layer + 1 < layers.length ? layer + 1 : null
    feed.need(layer, next)
    return (
      (!withReference || forwardLayer(lead, layers.length + layer, batch)) &&
      measureLayer(lead, layer, batch) &&
      forwardLayer(lead, layer, batch)
    )
  })
}

/** The norms of a layer's rows, once for each adapter: its matrices are there. */
function measureLayer(lead: Lead, layer: number, batch: MicroBatch): boolean {
  const { buffers, measured } = lead
  if (measured.has(layer)) return true
  const parts = directionParts(buffers.layers[layer]!).length
  if (parts > 0 && !run(lead, 'rowNorms', parts, layer, batch)) return false
  measured.add(layer)
  return true
}

function forwardLayer(lead: Lead, layer: number, batch: MicroBatch): boolean {
  return forwardToMiddle(lead, layer, batch) && overRows(lead, 'output', layer, batch)
}

/** All of a layer's forward but its output. */
function forwardToMiddle(lead: Lead, layer: number, batch: MicroBatch): boolean {
  for (const group of Object.values(lead.buffers.layers[layer]?.groups ?? {})) {
    stackA(lead.ops, group)
  }
  return (
    overRows(lead, 'inputs', layer, batch) &&
    overHeads(lead, 'attention', layer, batch) &&
    overRows(lead, 'middle', layer, batch)
  )
}

function head(
  lead: Lead,
  batch: MicroBatch,
  gradientScale: number,
  by: 'model' | 'reference' = 'model',
): boolean {
  const layer = by === 'model' ? 0 : lead.buffers.layers.length
  return run(lead, 'head', headParts(batch.T), layer, batch, gradientScale)
}

function backward(lead: Lead, batch: MicroBatch): boolean {
  const firstAdapted = firstAdaptedOf(lead.buffers)
  for (let layer = lead.buffers.layers.length - 1; layer >= firstAdapted; layer--) {
    lead.feed.need(layer, layer > firstAdapted ? layer - 1 : null)
    if (!layerBackward(lead, layer, batch)) return false
  }
  return true
}

/** The layer below which nothing can learn. */
function firstAdaptedOf({ layout }: Buffers): number {
  return layout.tensors[0]!.layer
}

function layerBackward(lead: Lead, layer: number, batch: MicroBatch): boolean {
  const { ops, buffers } = lead
  const { qkv, gateUp } = buffers.layers[layer]!.groups
  // Layers that are recomputed share what is kept, which is still that of the last of them.
  const isKept = layer >= buffers.recomputedLayers - 1
  if (!isKept && !forwardAgain(lead, layer, batch)) return false
  for (const group of [gateUp, qkv]) {
    stackA(ops, group)
    stackGradients(ops, group)
  }
  const isDone =
    overRows(lead, 'feedForward', layer, batch) &&
    run(lead, 'feedForwardSums', feedForwardParts(buffers, layer).length, layer, batch) &&
    overHeads(lead, 'attentionBackward', layer, batch) &&
    overRows(lead, 'qkv', layer, batch) &&
    run(lead, 'qkvSums', adapterParts(qkv).length, layer, batch)
  for (const group of [gateUp, qkv]) unstackGradients(ops, group)
  return isDone
}

/** A second forward has no use for a layer's output, but for what it is made of with DoRA. */
function forwardAgain(lead: Lead, layer: number, batch: MicroBatch): boolean {
  const { down } = lead.buffers.layers[layer]!.groups
  return hasMagnitudes(down)
    ? forwardLayer(lead, layer, batch)
    : forwardToMiddle(lead, layer, batch)
}

function overRows(lead: Lead, name: StageName, layer: number, batch: MicroBatch): boolean {
  const size = partRows(batch.T, lead.team.threads)
  return run(lead, name, Math.ceil(batch.T / size), layer, batch, size)
}

function overHeads(lead: Lead, name: StageName, layer: number, batch: MicroBatch): boolean {
  const parts = attentionParts(lead.buffers.model, batch.documents)
  return run(lead, name, parts, layer, batch)
}

function run(
  { team }: Lead,
  name: StageName,
  parts: number,
  layer: number,
  { T, documents }: MicroBatch,
  extra = 0,
): boolean {
  return team.run(STAGES.indexOf(name), parts, layer, T, documents, extra)
}

function feedForwardParts(buffers: Buffers, layer: number) {
  const { groups } = buffers.layers[layer]!
  return (['down', 'gateUp', 'o'] as const).flatMap((name) =>
    adapterParts(groups[name]).map((part) => [name, part] as const),
  )
}

/** The rows of a part: few enough that every thread has one, and no more than ROWS_MAX. */
function partRows(T: number, threads: number): number {
  const share = Math.ceil(T / threads / ROWS_UNIT) * ROWS_UNIT
  return Math.min(ROWS_MAX, share)
}

function rowsOf(part: number, size: number, T: number): Rows {
  const first = part * size
  return { first, count: Math.min(size, T - first) }
}
