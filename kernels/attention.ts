/**
 * Causal attention with grouped queries: query head h reads key/value head floor(h·G / H), and a
 * document sees itself alone, wherever it stands in a batch.
 *
 * Scores exist for QUERY_BLOCK queries of one head of one document at a time and are computed again
 * in the backward, so memory stays linear in S. Masked probabilities are exact zeros, which leave a
 * fold as it is: the block size changes no bit. Documents and key heads are independent of one
 * another: each pair of them is a part that any thread can work off.
 * Source: Vaswani et al. 2017, §3.2.1; Ainslie et al. 2023, GQA, §2.2; Dao et al. 2022,
 * FlashAttention, §3.1 (recomputation).
 */
import type { Thread } from './layer.ts'
import { multiply } from './multiply.ts'
import type { Ops, Pointer } from './ops.ts'
import { QUERY_BLOCK } from './own-scratch.ts'
import type { ModelShape } from './shape.ts'

/** Queries first..first+rows-1 of one head of one document, which see keys 0..columns-1. */
interface Block {
  first: number
  rows: number
  columns: number
  /** Bytes from the start of q, k, v (T,(H+2G)·E) to the first query, to key 0, to value 0. */
  atQuery: number
  atKey: number
  atValue: number
  /** Bytes from the start of a (T,H·E) array to the first query's output. */
  atContext: number
}

/** Row strides in elements. */
interface Strides {
  E: number
  qkv: number
  context: number
  /** A document's length. */
  scores: number
}

/** How many parts there are for so many documents. */
export function attentionParts({ kvHeadCount: G }: ModelShape, documents: number): number {
  return documents * G
}

/**
 * context (T,H·E) = softmax(q·kᵀ / √E)·v, for the query heads of one key head of one document, from
 * its query `from` on.
 */
export function attentionForward(
  thread: Thread,
  context: Pointer,
  qkv: Pointer,
  part: number,
  from = 0,
): void {
  const { ops, own } = thread
  const { scores } = own
  const [blocks, strides] = blocksOf(thread, part, from)
  const { E, context: ldc } = strides
  for (const block of blocks) {
    const { rows, columns, atValue, atContext } = block
    probabilities(ops, scores, qkv, block, strides)
    const [p, v] = [
      [scores, strides.scores],
      [qkv + atValue, strides.qkv],
    ] as const
    multiply(ops, 'nn', [rows, E, columns], p, v, [context + atContext, ldc])
  }
}

/** dcontext (T,H·E) -> dqkv (T,(H+2G)·E), zeros before. */
export function attentionBackward(
  thread: Thread,
  dqkv: Pointer,
  dcontext: Pointer,
  qkv: Pointer,
  part: number,
): void {
  const { ops, own } = thread
  const [blocks, strides] = blocksOf(thread, part, 0)
  const { E, qkv: ld, scores: lds } = strides
  const [p, dp] = [
    [own.scores, lds],
    [own.dscores, lds],
  ] as const
  for (const block of blocks) {
    const { first, rows, columns, atQuery, atKey, atValue, atContext } = block
    const dy = [dcontext + atContext, strides.context] as const
    const at = (array: Pointer, offset: number) => [array + offset, ld] as const
    probabilities(ops, own.scores, qkv, block, strides)
    multiply(ops, 'tn', [columns, E, rows], p, dy, at(dqkv, atValue), true)
    multiply(ops, 'nt', [rows, columns, E], dy, at(qkv, atValue), dp)
    const scale = scaleOf(strides)
    ops.causalSoftmaxBackward(own.dscores, own.scores, rows, columns, lds, first, scale)
    multiply(ops, 'nn', [rows, E, columns], dp, at(qkv, atKey), at(dqkv, atQuery))
    multiply(ops, 'tn', [columns, E, rows], dp, at(qkv, atQuery), at(dqkv, atKey), true)
  }
}

/** P (rows,columns) = causal softmax of the scaled scores. */
function probabilities(
  ops: Ops,
  p: Pointer,
  qkv: Pointer,
  { first, rows, columns, atQuery, atKey }: Block,
  strides: Strides,
): void {
  const { E, qkv: ld, scores: lds } = strides
  multiply(ops, 'nt', [rows, columns, E], [qkv + atQuery, ld], [qkv + atKey, ld], [p, lds])
  ops.causalSoftmax(p, rows, columns, lds, first, scaleOf(strides))
}

function scaleOf({ E }: Strides): number {
  return 1 / Math.sqrt(E)
}

/** The blocks in the order that fixes the folds of dk and dv: by query head, then by query. */
function blocksOf(thread: Thread, part: number, from: number): [Block[], Strides] {
  const { headCount: H, kvHeadCount: G, headDim: E } = thread.buffers.model
  const [qkv, context] = [(H + 2 * G) * E, H * E]
  const starts = thread.starts()
  const document = Math.floor(part / G)
  const keyHead = part % G
  const start = starts[document]!
  const length = starts[document + 1]! - start
  const blocks: Block[] = []
  for (let head = (keyHead * H) / G; head < ((keyHead + 1) * H) / G; head++) {
    for (let first = from; first < length; first += QUERY_BLOCK) {
      const rows = Math.min(QUERY_BLOCK, length - first)
      blocks.push({
        first,
        rows,
        columns: first + rows,
        atQuery: 4 * ((start + first) * qkv + head * E),
        atKey: 4 * (start * qkv + (H + keyHead) * E),
        atValue: 4 * (start * qkv + (H + G + keyHead) * E),
        atContext: 4 * ((start + first) * context + head * E),
      })
    }
  }
  return [blocks, { E, qkv, context, scores: length }]
}
