/**
 * The beginning of the decoder: the residual stream of tokens, which is the rows of the embedding
 * that they name. Where the base is streamed, those rows alone are read, when their tokens come.
 */
import type { Buffers } from './buffers.ts'
import { weightRows } from './frozen.ts'
import type { Rows } from './linear.ts'
import { loadEmbeddingRows } from './load-weights.ts'
import { rowAt } from './multiply.ts'
import type { Ops, Pointer } from './ops.ts'
import type { WeightSource } from './weights.ts'

/** Writes x (count,D) of the tokens in `rows` of buffers.tokens. */
export type Embed = (x: Pointer, rows: Rows) => void

/** `source` is read for as long as tokens are embedded, where the embedding is streamed. */
export function createEmbed(ops: Ops, buffers: Buffers, source: WeightSource): Embed {
  const { embedding, embeddedRows, tokens } = buffers
  if (embeddedRows === null) {
    return (x, { first, count }) => ops.gatherFrozen(x, embedding, rowAt(tokens, first, 1), count)
  }
  const load = loadEmbeddingRows(ops, buffers, source)
  return (x, { first, count }) => {
    const ids = new Int32Array(ops.memory.buffer, rowAt(tokens, first, 1), count)
    load(ids)
    const own = new Int32Array(ops.memory.buffer, embeddedRows, count)
    for (let row = 0; row < count; row++) own[row] = row
    ops.gatherFrozen(x, weightRows(embedding, 0, count), embeddedRows, count)
  }
}
