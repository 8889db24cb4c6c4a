/**
 * Causal attention with grouped queries: query head h reads key/value head floor(h·G / H).
 *
 * Scores exist for QUERY_BLOCK queries of one head of one sequence at a time and are computed again
 * in the backward, so memory stays linear in S. Masked probabilities are exact zeros, which leave a
 * fold as it is: the block size changes no bit.
 * Source: Vaswani et al. 2017, §3.2.1; Ainslie et al. 2023, GQA, §2.2.
 */
import { QUERY_BLOCK, type Scratch } from './buffers.ts'
import type { Ops, Pointer } from './ops.ts'
import type { ModelShape } from './shape.ts'

/** q (T,H·E), k and v (T,G·E): T / S sequences of S tokens, one after the other. */
export interface Heads {
  q: Pointer
  k: Pointer
  v: Pointer
}

/** Queries first..first+rows-1 of one head of one sequence, which see keys 0..columns-1. */
interface Block {
  first: number
  rows: number
  columns: number
  /** Bytes from the start of a (T,H·E) array to the first query, of a (T,G·E) array to key 0. */
  atQuery: number
  atKey: number
}

/** Row strides in elements: of queries H·E, of keys G·E, of scores S. */
interface Strides {
  E: number
  query: number
  key: number
  scores: number
}

/** context (T,H·E) = softmax(q·kᵀ / √E)·v, head by head. */
export function attentionForward(
  ops: Ops,
  context: Pointer,
  { q, k, v }: Heads,
  { scores }: Scratch,
  model: ModelShape,
  T: number,
  S: number,
): void {
  const strides = stridesOf(model, S)
  for (const block of blocks(model, T, S)) {
    probabilities(ops, scores, q, k, block, strides)
    scoresTimesKeys(ops, context, scores, v, block, strides)
  }
}

/** dcontext (T,H·E) -> dq (T,H·E), dk, dv (T,G·E), all overwritten. */
export function attentionBackward(
  ops: Ops,
  { q: dq, k: dk, v: dv }: Heads,
  dcontext: Pointer,
  { q, k, v }: Heads,
  { scores, dscores }: Scratch,
  model: ModelShape,
  T: number,
  S: number,
): void {
  const strides = stridesOf(model, S)
  ops.fill(dk, 0, T * strides.key)
  ops.fill(dv, 0, T * strides.key)
  for (const block of blocks(model, T, S)) {
    const { first, rows, columns } = block
    probabilities(ops, scores, q, k, block, strides)
    addScoresTimesQueries(ops, dv, scores, dcontext, block, strides)
    queriesTimesKeys(ops, dscores, dcontext, v, block, strides)
    ops.causalSoftmaxBackward(dscores, scores, rows, columns, S, first, scaleOf(strides))
    scoresTimesKeys(ops, dq, dscores, k, block, strides)
    addScoresTimesQueries(ops, dk, dscores, q, block, strides)
  }
}

function stridesOf({ headCount, kvHeadCount, headDim: E }: ModelShape, S: number): Strides {
  return { E, query: headCount * E, key: kvHeadCount * E, scores: S }
}

function scaleOf({ E }: Strides): number {
  return 1 / Math.sqrt(E)
}

/** In the order that fixes the folds of dk and dv: sequence, query head, query. */
function* blocks(model: ModelShape, T: number, S: number): Generator<Block> {
  const { headCount: H, kvHeadCount: G, headDim: E } = model
  for (let start = 0; start < T; start += S) {
    for (let head = 0; head < H; head++) {
      const keyHead = Math.floor((head * G) / H)
      for (let first = 0; first < S; first += QUERY_BLOCK) {
        const rows = Math.min(QUERY_BLOCK, S - first)
        const atQuery = 4 * E * ((start + first) * H + head)
        const atKey = 4 * E * (start * G + keyHead)
        yield { first, rows, columns: first + rows, atQuery, atKey }
      }
    }
  }
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
  strides: Strides,
): void {
  ops.gemm({
    form: 'nt',
    M: rows,
    N: columns,
    K: strides.E,
    a: queries + atQuery,
    lda: strides.query,
    b: keys + atKey,
    ldb: strides.key,
    c: scores,
    ldc: strides.scores,
    accumulate: false,
  })
}

/** queries (rows,E) = scores (rows,columns)·keys (columns,E). */
function scoresTimesKeys(
  ops: Ops,
  queries: Pointer,
  scores: Pointer,
  keys: Pointer,
  { rows, columns, atQuery, atKey }: Block,
  strides: Strides,
): void {
  ops.gemm({
    form: 'nn',
    M: rows,
    N: strides.E,
    K: columns,
    a: scores,
    lda: strides.scores,
    b: keys + atKey,
    ldb: strides.key,
    c: queries + atQuery,
    ldc: strides.query,
    accumulate: false,
  })
}

/** keys (columns,E) += scoresᵀ (rows,columns)·queries (rows,E). */
function addScoresTimesQueries(
  ops: Ops,
  keys: Pointer,
  scores: Pointer,
  queries: Pointer,
  { rows, columns, atQuery, atKey }: Block,
  strides: Strides,
): void {
  ops.gemm({
    form: 'tn',
    M: columns,
    N: strides.E,
    K: rows,
    a: scores,
    lda: strides.scores,
    b: queries + atQuery,
    ldb: strides.query,
    c: keys + atKey,
    ldc: strides.key,
    accumulate: true,
  })
}
