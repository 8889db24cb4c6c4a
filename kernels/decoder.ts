/**
 * The decoder, read top to bottom: embedding, layers, head; and back again down to the adapter.
 *
 * The base is frozen, so the backward carries gradients of activations and of A and B only, and
 * stops where nothing below can learn. T tokens are one or more documents, one after the other.
 *
 * The work is a list of phases. Each is cut into parts that depend on no other part of it, and the
 * parts are worked off by a team of threads, the leader among them:
 *
 *   forward     inputs (rows), attention (heads), middle (rows), output (rows)     for each layer
 *   head        norm, logits, loss and its gradient (rows)
 *   backward    feedForward (rows), feedForwardSums (columns),
 *               attentionBackward (heads), qkv (rows), qkvSums (columns)           for each layer
 */
import { attentionBackward, attentionForward, attentionParts } from './attention.ts'
import type { Buffers } from './buffers.ts'
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
  type Rows,
  stackA,
  stackGradients,
  unstackGradients,
} from './linear.ts'
import type { Ops, Pointer } from './ops.ts'
import type { Phase, Team } from './threads.ts'

/** Rows of a part, at most: what W is packed for once, and what lies between two looks up. */
export const ROWS_MAX = 256
/** Parts are multiples of this many rows, the least common multiple of the tiles' rows. */
const ROWS_UNIT = 20

/** One micro-batch: T tokens, which `documents` documents begin in buffers.starts. */
export interface MicroBatch {
  T: number
  documents: number
}

/** The numbers that each phase gets: layer or 0, T, documents, and one more where it says so. */
const PHASES = [
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
] as const
type PhaseName = (typeof PHASES)[number]

/** What one thread does for each phase, in the order of PHASES. */
export function decoderPhases(ops: Ops, buffers: Buffers, index: number): Phase[] {
  const { layers, scratch } = buffers
  let documents = 0
  const thread: Thread = {
    ...{ ops, buffers, own: buffers.own[index]! },
    starts: () => new Int32Array(ops.memory.buffer, buffers.starts, documents + 1),
  }
  const run: Record<PhaseName, (layer: number, T: number, part: number, extra: number) => void> = {
    inputs: (l, T, part, size) => attentionInputs(thread, layers[l]!, rowsOf(part, size, T)),
    attention: (l, _, part) => attentionForward(thread, layers[l]!.context, layers[l]!.qkv, part),
    middle: (l, T, part, size) => feedForwardInputs(thread, layers[l]!, rowsOf(part, size, T)),
    output: (l, T, part, size) => {
      const y = layers[l + 1]?.x ?? buffers.output
      feedForwardOutput(thread, y, layers[l]!, rowsOf(part, size, T))
    },
    head: (_, T, part, gradientScale) => headPart(thread, part, T, gradientScale),
    feedForward: (l, T, part, size) =>
      feedForwardBackward(thread, layers[l]!, rowsOf(part, size, T)),
    feedForwardSums: (l, T, part) => {
      const [name, piece] = feedForwardParts(buffers, l)[part]!
      adapterGradient(ops, piece, groupGradients(buffers, layers[l]!)[name], T)
    },
    attentionBackward: (l, _, part) =>
      attentionBackward(thread, scratch.dqkv, scratch.dcontext, layers[l]!.qkv, part),
    qkv: (l, T, part, size) =>
      attentionInputsBackward(thread, layers[l]!, rowsOf(part, size, T), l > 0),
    qkvSums: (l, T, part) => {
      const piece = adapterParts(layers[l]!.groups.qkv)[part]!
      adapterGradient(ops, piece, groupGradients(buffers, layers[l]!).qkv, T)
    },
  }
  return PHASES.map((name) => (part, [layer, T, count, extra]) => {
    documents = count!
    run[name](layer!, T!, part, extra!)
  })
}

/** The leader's way through the phases; false: given up on the way. */
export interface Decoder {
  /** buffers.tokens -> buffers.output. Keeps what the backward needs. */
  forward(batch: MicroBatch): boolean
  /** The losses of the tokens, to scratch.losses. */
  losses(batch: MicroBatch): boolean
  /**
   * Forward and backward: losses, and gradientScale · the gradient of their sum is added to
   * buffers.gradient.
   */
  gradient(batch: MicroBatch, gradientScale: number): boolean
  /** Logits (V) of one token of a micro-batch that went forward. */
  logits(token: number): Pointer
}

export function createDecoder(ops: Ops, buffers: Buffers, team: Team): Decoder {
  const { layers, embedding, tokens } = buffers
  const own = buffers.own[0]!
  const thread: Thread = { ops, buffers, own, starts: () => new Int32Array(0) }

  function run(name: PhaseName, parts: number, layer: number, batch: MicroBatch, extra = 0) {
    const phase = PHASES.indexOf(name)
    return team.run(phase, parts, layer, batch.T, batch.documents, extra)
  }
  function overRows(name: PhaseName, layer: number, batch: MicroBatch): boolean {
    const size = partRows(batch.T, team.threads)
    return run(name, Math.ceil(batch.T / size), layer, batch, size)
  }
  function overHeads(name: PhaseName, layer: number, batch: MicroBatch): boolean {
    return run(name, attentionParts(buffers.model, batch.documents), layer, batch)
  }
  /** All of a layer's forward but its output, which a second forward has no use for. */
  function forwardToMiddle(layer: number, batch: MicroBatch): boolean {
    for (const group of Object.values(layers[layer]!.groups)) stackA(ops, group)
    return (
      overRows('inputs', layer, batch) &&
      overHeads('attention', layer, batch) &&
      overRows('middle', layer, batch)
    )
  }
  function layerBackward(layer: number, batch: MicroBatch): boolean {
    const { qkv, gateUp } = layers[layer]!.groups
    // What they share is still that of the last of them.
    const isKept = layer >= buffers.recomputedLayers - 1
    if (!isKept && !forwardToMiddle(layer, batch)) return false
    stackA(ops, gateUp)
    stackA(ops, qkv)
    stackGradients(ops, gateUp)
    stackGradients(ops, qkv)
    const isDone =
      overRows('feedForward', layer, batch) &&
      run('feedForwardSums', feedForwardParts(buffers, layer).length, layer, batch) &&
      overHeads('attentionBackward', layer, batch) &&
      overRows('qkv', layer, batch) &&
      run('qkvSums', adapterParts(qkv).length, layer, batch)
    unstackGradients(ops, gateUp)
    unstackGradients(ops, qkv)
    return isDone
  }
  const decoder: Decoder = {
    forward(batch) {
      ops.gatherFrozen(layers[0]!.x, embedding, tokens, batch.T)
      return layers.every(
        (_, layer) => forwardToMiddle(layer, batch) && overRows('output', layer, batch),
      )
    },
    losses: (batch) => decoder.forward(batch) && run('head', headParts(batch.T), 0, batch),
    gradient(batch, gradientScale) {
      if (!decoder.forward(batch)) return false
      if (!run('head', headParts(batch.T), 0, batch, gradientScale)) return false
      for (let layer = layers.length - 1; layer >= 0; layer--) {
        if (!layerBackward(layer, batch)) return false
      }
      return true
    },
    logits(token) {
      headRows(thread, { first: token, count: 1 })
      return own.logits
    },
  }
  return decoder
}

function feedForwardParts(buffers: Buffers, layer: number) {
  const { groups } = buffers.layers[layer]!
  return (['down', 'gateUp', 'o'] as const).flatMap((name) =>
    adapterParts(groups[name]).map((part) => [name, part] as const),
  )
}

/** As many rows as every thread can have a part of, but no more than ROWS_MAX. */
function partRows(T: number, threads: number): number {
  const share = Math.ceil(T / threads / ROWS_UNIT) * ROWS_UNIT
  return Math.min(ROWS_MAX, share)
}

function rowsOf(part: number, size: number, T: number): Rows {
  const first = part * size
  return { first, count: Math.min(size, T - first) }
}
