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
import { QUERY_BLOCK } from './buffers.ts'
import type { Thread } from './layer.ts'
import { multiply } from './linear.ts'
import type { Ops, Pointer } from './ops.ts'
import type { ModelShape } from './shape.ts'

/** q (T,H·E), k and v (T,G·E). */
export interface Heads {
  q: Pointer
  k: Pointer
  v: Pointer
}

/** Queries first..first+rows-1 of one head of one document, which see keys 0..columns-1. */
interface Block {
  first: number
  rows: number
  columns: number
  /** Bytes from the start of a (T,H·E) array to the first query, of a (T,G·E) array to key 0. */
  atQuery: number
  atKey: number
}

/** Row strides in elements: of queries H·E, of keys G·E, of scores a document's length. */
interface Strides {
  E: number
  query: number
  key: number
  scores: number
}

/** How many parts there are for so many documents. */
export function attentionParts({ kvHeadCount: G }: ModelShape, documents: number): number {
  return documents * G
}

/** context (T,H·E) = softmax(q·kᵀ / √E)·v, for the query heads of one key head of one document. */
export function attentionForward(
  thread: Thread,
  context: Pointer,
  { q, k, v }: Heads,
  part: number,
): void {
  const { ops, own } = thread
  const [blocks, strides] = blocksOf(thread, part)
  for (const block of blocks) {
    probabilities(ops, own.scores, q, k, block, strides)
    scoresTimesKeys(ops, context, own.scores, v, block, strides)
  }
}

/** dcontext (T,H·E) -> dq (T,H·E), overwritten, and dk, dv (T,G·E), zeros before. */
export function attentionBackward(
  thread: Thread,
  { q: dq, k: dk, v: dv }: Heads,
  dcontext: Pointer,
  { q, k, v }: Heads,
  part: number,
): void {
  const { ops, own } = thread
  const { scores, dscores } = own
  const [blocks, strides] = blocksOf(thread, part)
  const scale = scaleOf(strides)
  for (const block of blocks) {
    const { first, rows, columns } = block
    probabilities(ops, scores, q, k, block, strides)
    addScoresTimesQueries(ops, dv, scores, dcontext, block, strides)
    queriesTimesKeys(ops, dscores, dcontext, v, block, strides)
    ops.causalSoftmaxBackward(dscores, scores, rows, columns, strides.scores, first, scale)
    scoresTimesKeys(ops, dq, dscores, k, block, strides)
    addScoresTimesQueries(ops, dk, dscores, q, block, strides)
  }
}

function scaleOf({ E }: Strides): number {
  return 1 / Math.sqrt(E)
}

/** In the order that fixes the folds of dk and dv: query head, query. */
function blocksOf(thread: Thread, part: number): [Block[], Strides] {
  const { headCount: H, kvHeadCount: G, headDim: E } = thread.buffers.model
  const starts = thread.starts()
  const document = Math.floor(part / G)
  const keyHead = part % G
  const start = starts[document]!
  const length = starts[document + 1]! - start
  const blocks: Block[] = []
  for (let head = (keyHead * H) / G; head < ((keyHead + 1) * H) / G; head++) {
    for (let first = 0; first < length; first += QUERY_BLOCK) {
      const rows = Math.min(QUERY_BLOCK, length - first)
      const atQuery = 4 * E * ((start + first) * H + head)
      const atKey = 4 * E * (start * G + keyHead)
      blocks.push({ first, rows, columns: first + rows, atQuery, atKey })
    }
  }
  return [blocks, { E, query: H * E, key: G * E, scores: length }]
}

/** P (rows,columns) = causal softmax of the scaled scores. */
function probabilities(
  ops: Ops,
  p: Pointer,
  q: Pointer,
  k: Pointer,
  block: Block,
  strides: Strides,
): void {
  queriesTimesKeys(ops, p, q, k, block, strides)
  const { rows, columns, first } = block
  ops.causalSoftmax(p, rows, columns, strides.scores, first, scaleOf(strides))
}

/** scores (rows,columns) = queries (rows,E)·keysᵀ (columns,E). */
function queriesTimesKeys(
  ops: Ops,
  scores: Pointer,
  queries: Pointer,
  keys: Pointer,
  { rows, columns, atQuery, atKey }: Block,
  { E, query, key, scores: ld }: Strides,
): void {
  multiply(
    ...([ops, 'nt', rows, columns, E] as const),
    ...([
      [queries + atQuery, query],
      [keys + atKey, key],
      [scores, ld],
    ] as const),
  )
}

/** queries (rows,E) = scores (rows,columns)·keys (columns,E). */
function scoresTimesKeys(
  ops: Ops,
  queries: Pointer,
  scores: Pointer,
  keys: Pointer,
  { rows, columns, atQuery, atKey }: Block,
  { E, query, key, scores: ld }: Strides,
): void {
  multiply(
    ...([ops, 'nn', rows, E, columns] as const),
    ...([
      [scores, ld],
      [keys + atKey, key],
      [queries + atQuery, query],
    ] as const),
  )
}

/** keys (columns,E) += scoresᵀ (rows,columns)·queries (rows,E). */
function addScoresTimesQueries(
  ops: Ops,
  keys: Pointer,
  scores: Pointer,
  queries: Pointer,
  { rows, columns, atQuery, atKey }: Block,
  { E, query, key, scores: ld }: Strides,
): void {
  multiply(
    ...([ops, 'tn', columns, E, rows] as const),
    ...([
      [scores, ld],
      [queries + atQuery, query],
      [keys + atKey, key],
    ] as const),
    true,
  )
}
