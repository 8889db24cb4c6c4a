/**
 * Matrix products: blocks of A and panels of B are packed into the workspace, so that the tile's
 * loop reads both in order whatever the form; edges are padded with zeros and pass through a small
 * tile of their own. The summed axis is cut into blocks too, but each block continues the fold
 * where C holds it: no partial sum is ever added later, hence the same bits for any tile and any
 * block size. Source of the blocking: Goto & van de Geijn 2008.
 *
 *   for each block of K (KC_MAX)            a panel of B fits the first-level cache
 *     for each block of M (MC_MAX)          pack A: fits the second-level cache
 *       for each panel of N (tile columns)  pack B, just in time
 *         for each tile row of the block    run the tile
 */
import { runTile, tileColumns, tileRows } from './tiles'
import { packColumns, packRows } from './pack'

const FORM_NT = 0
const FORM_TN = 2

/** Both are divided evenly where the matrix needs several, so that no thin block is left over. */
const KC_MAX = 256
const MC_MAX = 480
/** Bytes of the workspace's parts: the edge tile (5x16 at most), then B's panel, then A's block. */
const EDGE_BYTES: usize = 512
const PANEL_BYTES: usize = KC_MAX * 16 * 4

export function gemm(
  form: i32, M: i32, N: i32, K: i32,
  a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32,
  accumulate: bool, workspace: usize, tile: i32,
): void {
  const rows = tileRows(tile)
  const aLeading = <usize>lda << 2
  const bLeading = <usize>ldb << 2
  const cLeading = <usize>ldc << 2
  const aBlock = workspace + EDGE_BYTES + PANEL_BYTES
  if (K == 0 && !accumulate) clear(c, cLeading, M, N)
  const kcMost = evenPart(K, KC_MAX, 4)
  const mcMost = evenPart(M, MC_MAX, rows)
  for (let k = 0; k < K; k += kcMost) {
    const kc = min(kcMost, K - k)
    const first = k == 0 && !accumulate
    for (let i = 0; i < M; i += mcMost) {
      const mc = min(mcMost, M - i)
      if (form == FORM_TN) {
        packA(true, rows, mc, kc, a + <usize>k * aLeading + (<usize>i << 2), aLeading, aBlock)
      } else {
        packA(false, rows, mc, kc, a + <usize>i * aLeading + (<usize>k << 2), aLeading, aBlock)
      }
      const bFrom =
        form == FORM_NT ? b + (<usize>k << 2) : b + <usize>k * bLeading
      const cFrom = c + <usize>i * cLeading
      multiplyBlock(form, tile, mc, N, kc, bFrom, bLeading, cFrom, cLeading, first, workspace)
    }
  }
}

/** C (mc,N) += packed block of A · block of B. */
function multiplyBlock(
  form: i32, tile: i32, mc: i32, N: i32, kc: i32,
  b: usize, bLeading: usize, c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  const rows = tileRows(tile)
  const columns = tileColumns(tile)
  const panel = workspace + EDGE_BYTES
  const aBlock = panel + PANEL_BYTES
  for (let j = 0; j < N; j += columns) {
    const nc = min(columns, N - j)
    const from = <usize>j << 2
    if (form == FORM_NT) packRows(columns, nc, kc, b + <usize>j * bLeading, bLeading, panel)
    else packColumns(columns, nc, kc, b + from, bLeading, panel)
    for (let i = 0; i < mc; i += rows) {
      const aPanel = aBlock + (<usize>(i * kc) << 2)
      const to = c + <usize>i * cLeading + from
      const mr = min(rows, mc - i)
      if (mr == rows && nc == columns) runTile(tile, kc, aPanel, panel, to, cLeading, first)
      else runEdge(tile, mr, nc, kc, aPanel, panel, to, cLeading, first, workspace)
    }
  }
}

/** A tile that hangs over C's edge: computed in full beside C, of which only (mr,nc) are copied. */
function runEdge(
  tile: i32, mr: i32, nc: i32, kc: i32, aPanel: usize, bPanel: usize,
  c: usize, cLeading: usize, first: bool, edge: usize,
): void {
  const edgeLeading = <usize>tileColumns(tile) << 2
  const bytes = <usize>nc << 2
  if (!first) {
    for (let i = 0; i < mr; i++) {
      copyRow(edge + <usize>i * edgeLeading, c + <usize>i * cLeading, bytes)
    }
  }
  runTile(tile, kc, aPanel, bPanel, edge, edgeLeading, first)
  for (let i = 0; i < mr; i++) {
    copyRow(c + <usize>i * cLeading, edge + <usize>i * edgeLeading, bytes)
  }
}

/** Rows of an edge are at most 60 bytes: too short for memory.copy, which is a call. */
function copyRow(to: usize, from: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 4) store<f32>(to + o, load<f32>(from + o))
}

function packA(
  transposed: bool, rows: i32, mc: i32, kc: i32, a: usize, leading: usize, to: usize,
): void {
  for (let i = 0; i < mc; i += rows) {
    const mr = min(rows, mc - i)
    const panel = to + (<usize>(i * kc) << 2)
    if (transposed) packColumns(rows, mr, kc, a + (<usize>i << 2), leading, panel)
    else packRows(rows, mr, kc, a + <usize>i * leading, leading, panel)
  }
}

/** The size of each part when n is cut into the fewest parts of at most `most`: `unit`s each. */
function evenPart(n: i32, most: i32, unit: i32): i32 {
  const parts = max(1, (n + most - 1) / most)
  const part = (n + parts - 1) / parts
  return max(unit, ((part + unit - 1) / unit) * unit)
}

function clear(c: usize, leading: usize, M: i32, N: i32): void {
  for (let i = 0; i < M; i++) memory.fill(c + <usize>i * leading, 0, <usize>N << 2)
}
