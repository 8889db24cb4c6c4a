/**
 * A decoder that reads on: tokens are appended to a context whose keys and values are kept, so that
 * one token more costs one row and not the whole text again. A row of a forward depends on no later
 * row, so the logits are those of a forward over the whole text, bit for bit.
 *
 * It computes with the trainer's own phases on the trainer's own table of buffers, less what only a
 * backward reads, and with one region for what each layer leaves to itself.
 * Source: Pope et al. 2022, Efficiently Scaling Transformer Inference, §2.
 */
import { ALIGNMENT_BYTES, type Arena } from './arena.ts'
import { attentionForward } from './attention.ts'
import { checkBatchShape, checkTokens } from './batch.ts'
import {
  type BaseKernels,
  type BatchShape,
  type Place,
  placeBuffers,
  TOKEN_BLOCK,
} from './buffers.ts'
import { headRows } from './head.ts'
import { attentionInputs, feedForwardInputs, feedForwardOutput, type Thread } from './layer.ts'
import { type Rows, rowAt, stackA } from './linear.ts'
import type { AdapterLayout } from './lora.ts'
import type { Ops, Pointer } from './ops.ts'
import { type AdapterShape, type ModelShape, ShapeError } from './shape.ts'
import { allocateBuffers } from './train-step.ts'
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

/** Takes its memory from the arena. Throws ShapeError when shapes don't fit. */
export function createGenerator(
  ops: Ops,
  arena: Arena,
  { contextMax, ...shape }: GeneratorShape,
  weights: WeightSource,
): Generator {
  const job = jobOf({ ...shape, contextMax })
  checkBatchShape(job)
  const buffers = allocateBuffers(ops, forwardOnly(arena.allocate), job, weights)
  const { layout, theta, tokens: ids, targets: wanted } = buffers
  const { vocabSize: V } = job.model
  let length = 0
  const thread: Thread = {
    ...{ ops, buffers, own: buffers.own[0]! },
    starts: () => Int32Array.of(0, length),
  }
  const put = (at: Pointer, values: Int32Array) =>
    new Int32Array(ops.memory.buffer, rowAt(at, length, 1), values.length).set(values)
  const logitsAt = (row: number) =>
    new Float32Array(ops.memory.buffer, rowAt(thread.own.logits, row, V), V)

  /** Appends tokens block by block; each block's logits are there when it is visited. */
  function append(tokens: Int32Array, visit: (rows: Rows) => void): void {
    checkTokens(job, tokens)
    if (length + tokens.length > contextMax) {
      throw new ShapeError(
        `Cannot append ${tokens.length} tokens as the context holds ${length} of ${contextMax}`,
      )
    }
    put(ids, tokens)
    const end = length + tokens.length
    while (length < end) {
      const rows = { first: length, count: Math.min(TOKEN_BLOCK, end - length) }
      length += rows.count
      forwardRows(thread, rows)
      visit(rows)
    }
  }

  return {
    layout,
    get length() {
      return length
    },
    load(adapter) {
      if (adapter !== null && adapter.length !== layout.count) {
        throw new ShapeError(
          `Cannot load an adapter as it must have ${layout.count} scalars: ` +
            `current value is ${adapter.length}`,
        )
      }
      const values = adapter ?? new Float32Array(layout.count)
      new Float32Array(ops.memory.buffer, theta, layout.count).set(values)
      length = 0
    },
    extend(tokens) {
      append(tokens, () => {})
      headRows(thread, { first: length - 1, count: 1 })
      return logitsAt(0).slice()
    },
    score(tokens, targets) {
      if (targets.length !== tokens.length) {
        throw new ShapeError(`Cannot score ${targets.length} targets of ${tokens.length} tokens`)
      }
      put(wanted, targets)
      const start = length
      const losses = new Float64Array(tokens.length)
      const hits = new Uint8Array(tokens.length)
      append(tokens, (rows) => {
        headRows(thread, rows)
        for (let row = 0; row < rows.count; row++) {
          const at = rows.first + row
          const target = targets[at - start]!
          if (target < 0) continue
          hits[at - start] = isLikeliest(logitsAt(row), target) ? 1 : 0
          const logits = rowAt(thread.own.logits, row, V)
          losses[at - start] = ops.crossEntropy(logits, rowAt(wanted, at, 1), 1, V, 0)
        }
      })
      return { losses, hits }
    },
    rewind(to) {
      if (!Number.isSafeInteger(to) || to < 0 || to > length) {
        throw new ShapeError(`Cannot rewind to ${to} as the context holds ${length} tokens`)
      }
      length = to
    },
  }
}

/** What a generator takes of its arena, said before it is made. */
export function generatorBytes(shape: GeneratorShape): number {
  let bytes = 0
  const place: Place = (_name, size) => {
    bytes += ALIGNMENT_BYTES * Math.ceil(size / ALIGNMENT_BYTES)
    return 0
  }
  placeBuffers(jobOf(shape), forwardOnly(place))
  return bytes
}

function jobOf({ contextMax, ...shape }: GeneratorShape): BatchShape {
  return {
    ...shape,
    ...{ sequenceLength: contextMax, microBatch: 1, threads: 1, recomputedLayers: 0 },
  }
}

/** Tokens of `rows` -> buffers.output; keys and values before them are there. */
function forwardRows(thread: Thread, rows: Rows): void {
  const { ops, buffers } = thread
  const { layers, embedding, model, tokens, output } = buffers
  const from = rowAt(layers[0]!.x, rows.first, model.hiddenSize)
  ops.gatherFrozen(from, embedding, rowAt(tokens, rows.first, 1), rows.count)
  for (const [index, layer] of layers.entries()) {
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

const BACKWARD_ONLY = /^(gradient|scratch\.(.*\.)?d\w+|scratch\.losses|threads\.\d+\.dscores)$/
const OF_A_LAYER =
  /^layers\.(\d+)\.(x|\w+\.h|inputRstd|middle|middleRstd|rawHeads|headRstd|context|gateUp)$/

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
