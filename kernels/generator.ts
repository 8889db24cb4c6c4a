/**
 * A decoder that reads on: tokens are appended to a context whose keys and values are kept, so that
 * one token more costs one row and not the whole text again. A row of a forward depends on no later
 * row, so the logits are those of a forward over the whole text, bit for bit.
 *
 * It computes with the trainer's own stages on the trainer's own table of buffers, less what only a
 * backward reads, and with one region for what each layer leaves to itself.
 * Source: Pope et al. 2022, Efficiently Scaling Transformer Inference, §2.
 */
import { type Arena, JOB_BYTES_MAX } from './arena.ts'
import { attentionForward } from './attention.ts'
import { checkBatchShape, checkTokens } from './batch.ts'
import { type BatchShape, placeBuffers } from './buffers.ts'
import { directionParts, measureDirections } from './dora.ts'
import { createEmbed, type Embed } from './embedding.ts'
import { type Feed, feedOf, streamedCounts } from './feed.ts'
import type { BaseKernels } from './frozen-base.ts'
import { headRows } from './head.ts'
import { attentionInputs, feedForwardInputs, feedForwardOutput, type Thread } from './layer.ts'
import { type Rows, stackA } from './linear.ts'
import { allocateBuffers, loadLayer } from './load-weights.ts'
import { type AdapterLayout, checkAdapter } from './lora.ts'
import { rowAt } from './multiply.ts'
import type { Ops, Pointer } from './ops.ts'
import { TOKEN_BLOCK } from './own-scratch.ts'
import { bytesOf, firstFitting, type Place } from './place.ts'
import { type AdapterShape, type ModelShape, ShapeError } from './shape.ts'
import type { WeightSource } from './weights.ts'

export interface GeneratorShape {
  model: ModelShape
  adapter: AdapterShape
  kernels: BaseKernels
  /** Tokens that the context can hold. */
  contextMax: number
}

/** Tokens throw ShapeError when they are not of the vocabulary or the context has no room. */
export interface Generator {
  readonly layout: AdapterLayout
  /** Whether the base is read again for each forward, so that it has to stay open. */
  readonly isStreamed: boolean
  /** Tokens in the context. */
  readonly length: number
  /** Takes up an adapter (N), null for the base alone, and empties the context. */
  load(adapter: Float32Array | null): void
  /** Appends tokens, one at least; returns the logits (V) after the last. */
  extend(tokens: Int32Array): Float32Array
  /** Appends tokens; returns what each says of its target, -1 for none. */
  score(tokens: Int32Array, targets: Int32Array): Scores
  /** Keeps the first `length` tokens of the context. */
  rewind(length: number): void
}

export interface Scores {
  /** Nats; 0 where there is no target. */
  losses: Float64Array
  /** 1 where the target is the likeliest token. */
  hits: Uint8Array
}

/** A generator at work: what it has taken up, and how far it has come. */
interface OpenContext {
  job: BatchShape
  thread: Thread
  embed: Embed
  feed: Feed
  /** The layers whose row norms are those of the adapter in place. */
  measured: Set<number>
  /** Tokens whose keys and values are kept. */
  length: number
}

/**
 * Takes its memory from the arena, and no more than `bytesMax` where streaming can do with that.
 * Throws ShapeError when shapes don't fit.
 */
export function createGenerator(
  ops: Ops,
  arena: Arena,
  shape: GeneratorShape,
  weights: WeightSource,
  bytesMax = JOB_BYTES_MAX,
): Generator {
  const job = jobOf(shape, bytesMax)
  checkBatchShape(job)
  const buffers = allocateBuffers(ops, forwardOnly(arena.allocate), job, weights)
  const starts = () => Int32Array.of(0, context.length)
  const thread: Thread = { ops, buffers, own: buffers.own[0]!, starts, draw: () => null }
  const feed = feedOf(buffers.streamedFrom, (layer) => loadLayer(ops, buffers, layer, weights))
  const embed = createEmbed(ops, buffers, weights)
  const measured = new Set<number>()
  const context: OpenContext = { job, thread, embed, feed, measured, length: 0 }
  return {
    layout: buffers.layout,
    isStreamed: job.streamedLayers > 0,
    get length() {
      return context.length
    },
    load: (adapter) => load(context, adapter),
    extend: (tokens) => extend(context, tokens),
    score: (tokens, targets) => score(context, tokens, targets),
    rewind: (length) => rewind(context, length),
  }
}

function load(context: OpenContext, adapter: Float32Array | null): void {
  const { ops, buffers } = context.thread
  const { layout, theta } = buffers
  if (adapter !== null) checkAdapter(layout, adapter)
  const values = adapter ?? new Float32Array(layout.count)
  new Float32Array(ops.memory.buffer, theta, layout.count).set(values)
  context.measured.clear()
  context.length = 0
}

function extend(context: OpenContext, tokens: Int32Array): Float32Array {
  append(context, tokens, () => {})
  headRows(context.thread, { first: context.length - 1, count: 1 })
  return logitsOf(context, 0).slice()
}

function score(context: OpenContext, tokens: Int32Array, targets: Int32Array): Scores {
  if (targets.length !== tokens.length) {
    throw new ShapeError(`Cannot score ${targets.length} targets of ${tokens.length} tokens`)
  }
  const start = context.length
  const losses = new Float64Array(tokens.length)
  const hits = new Uint8Array(tokens.length)
  put(context, context.thread.buffers.targets, targets)
  append(context, tokens, (rows) => {
    headRows(context.thread, rows)
    for (let row = 0; row < rows.count; row++) {
      const index = rows.first + row - start
      const target = targets[index]!
      if (target < 0) continue
      hits[index] = isLikeliest(logitsOf(context, row), target) ? 1 : 0
      losses[index] = lossOf(context, row, rows.first + row)
    }
  })
  return { losses, hits }
}

/** The loss of the token at `at`, whose logits are in this row; the logits stay as they are. */
function lossOf({ thread, job }: OpenContext, row: number, at: number): number {
  const { ops, buffers, own } = thread
  const { vocabSize: V } = job.model
  return ops.crossEntropy(rowAt(own.logits, row, V), rowAt(buffers.targets, at, 1), 1, V, 0)
}

function rewind(context: OpenContext, length: number): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > context.length) {
    throw new ShapeError(`Cannot rewind to ${length} as the context holds ${context.length} tokens`)
  }
  context.length = length
}

/** Appends tokens block by block; each block's logits can be had when it is visited. */
function append(context: OpenContext, tokens: Int32Array, visit: (rows: Rows) => void): void {
  const { job, thread } = context
  const contextMax = job.sequenceLength
  checkTokens(job, tokens)
  const end = context.length + tokens.length
  if (end > contextMax) {
    throw new ShapeError(
      `Cannot append ${tokens.length} tokens as the context holds ` +
        `${context.length} of ${contextMax}`,
    )
  }
  put(context, thread.buffers.tokens, tokens)
  while (context.length < end) {
    const rows = { first: context.length, count: Math.min(TOKEN_BLOCK, end - context.length) }
    context.length += rows.count
    forwardRows(context, rows)
    visit(rows)
  }
}

/** Writes int32 behind those of the tokens in the context. */
function put({ thread, length }: OpenContext, at: Pointer, values: Int32Array): void {
  const { buffer } = thread.ops.memory
  new Int32Array(buffer, rowAt(at, length, 1), values.length).set(values)
}

function logitsOf({ thread, job }: OpenContext, row: number): Float32Array {
  const { vocabSize: V } = job.model
  return new Float32Array(thread.ops.memory.buffer, rowAt(thread.own.logits, row, V), V)
}

/** What a generator takes of its arena, said before it is made. */
export function generatorBytes(shape: GeneratorShape, bytesMax = JOB_BYTES_MAX): number {
  return jobBytes(jobOf(shape, bytesMax))
}

function jobBytes(job: BatchShape): number {
  return bytesOf((place) => placeBuffers(job, forwardOnly(place)))
}

/** The job of a forward. So many layers are streamed as there is no room for. */
function jobOf({ contextMax, ...shape }: GeneratorShape, bytesMax: number): BatchShape {
  const counts = streamedCounts(shape.model.layerCount)
  const job = { ...shape, sequenceLength: contextMax, microBatch: 1, threads: 1 }
  const streaming = (way: number): BatchShape => {
    return { ...job, recomputedLayers: 0, streamedLayers: counts[way]! }
  }
  return streaming(firstFitting(counts.length, (way) => jobBytes(streaming(way)), bytesMax))
}

/** Tokens of `rows` -> buffers.output; keys and values before them are there. */
function forwardRows({ thread, embed, feed, measured }: OpenContext, rows: Rows): void {
  const { ops, buffers } = thread
  const { layers, model, output } = buffers
  embed(rowAt(layers[0]!.x, rows.first, model.hiddenSize), rows)
  for (const [index, layer] of layers.entries()) {
    feed.need(index, null)
    if (!measured.has(index)) {
      for (const part of directionParts(layer)) measureDirections(ops, thread.own, part)
      measured.add(index)
    }
    for (const group of Object.values(layer.groups)) stackA(ops, group)
    attentionInputs(thread, layer, rows)
    for (let head = 0; head < model.kvHeadCount; head++) {
      attentionForward(thread, layer.context, layer.qkv, head, rows.first)
    }
    feedForwardInputs(thread, layer, rows)
    feedForwardOutput(thread, layers[index + 1]?.x ?? output, layer, rows)
  }
}

/** No logit is above the target's, and none of a smaller id is as high. */
function isLikeliest(logits: Float32Array, target: number): boolean {
  const value = logits[target]!
  return logits.every((other, id) => (id < target ? other < value : other <= value))
}

const BACKWARD_ONLY =
  /^(gradient|scratch\.(.*\.)?d\w+|scratch\.losses|threads\.\d+\.(dscores|partial))$/
const OF_A_LAYER =
  /^layers\.(\d+)\.(x|\w+\.(h|raw)|inputRstd|middle|middleRstd|rawHeads|headRstd|context|gateUp)$/

/**
 * The table of a forward that keeps keys and values alone. A layer reads x and writes that of the
 * next, so there are two of it.
 */
function forwardOnly(place: Place): Place {
  const shared = new Map<string, Pointer>()
  return (name, bytes) => {
    if (BACKWARD_ONLY.test(name)) return place(name, 0)
    const [, layer, what] = OF_A_LAYER.exec(name) ?? []
    if (layer === undefined) return place(name, bytes)
    const key = what === 'x' ? `x${Number(layer) % 2}` : what!
    const at = shared.get(key) ?? place(`layers.${key}`, bytes)
    shared.set(key, at)
    return at
  }
}
