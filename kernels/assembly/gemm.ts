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
import { pack } from './pack'
import { runTile, tileColumns, tileRows } from './tiles'

const FORM_NT = 0
const FORM_TN = 2

/** Both are divided evenly where the matrix needs several, so that no thin block is left over. */
const KC_MAX = 256
const MC_MAX = 480
/** Bytes of the workspace's parts: the edge tile (5x16 at most), then B's panel, then A's block. */
const EDGE_BYTES: usize = 512
const PANEL_BYTES: usize = KC_MAX * 16 * 4

/** `across` is from one row of A, or column of B, to the next; `along` follows the summed axis. */
export function gemm(
  form: i32, M: i32, N: i32, K: i32,
  a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32,
  accumulate: bool, workspace: usize, tile: i32,
): void {
  const aAcross: usize = form == FORM_TN ? 4 : <usize>lda << 2
  const aAlong: usize = form == FORM_TN ? <usize>lda << 2 : 4
  const bAcross: usize = form == FORM_NT ? <usize>ldb << 2 : 4
  const bAlong: usize = form == FORM_NT ? 4 : <usize>ldb << 2
  const cLeading = <usize>ldc << 2
  const rows = tileRows(tile)
  const kcMost = evenPart(K, KC_MAX, 4)
  const mcMost = evenPart(M, MC_MAX, rows)
  if (K == 0 && !accumulate) clear(c, cLeading, M, N)
  for (let k = 0; k < K; k += kcMost) {
    const kc = min(kcMost, K - k)
    const first = k == 0 && !accumulate
    const bFrom = b + <usize>k * bAlong
    for (let i = 0; i < M; i += mcMost) {
      const mc = min(mcMost, M - i)
      const aFrom = a + <usize>i * aAcross + <usize>k * aAlong
      const cFrom = c + <usize>i * cLeading
      packBlock(rows, mc, kc, aFrom, aAcross, aAlong, blockIn(workspace))
      multiplyBlock(
        tile, mc, N, kc, bFrom, bAcross, bAlong, cFrom, cLeading, first, workspace,
      )
    }
  }
}

function panelIn(workspace: usize): usize {
  return workspace + EDGE_BYTES
}

function blockIn(workspace: usize): usize {
  return workspace + EDGE_BYTES + PANEL_BYTES
}

function packBlock(
  rows: i32, mc: i32, kc: i32, a: usize, across: usize, along: usize, block: usize,
): void {
  for (let i = 0; i < mc; i += rows) {
    const panel = block + (<usize>(i * kc) << 2)
    pack(rows, min(rows, mc - i), kc, a + <usize>i * across, across, along, panel)
  }
}

/** C (mc,N) = or += packed block of A · block of B. */
function multiplyBlock(
  tile: i32, mc: i32, N: i32, kc: i32, b: usize, across: usize, along: usize,
  c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  const rows = tileRows(tile)
  const columns = tileColumns(tile)
  const panel = panelIn(workspace)
  for (let j = 0; j < N; j += columns) {
    const nc = min(columns, N - j)
    pack(columns, nc, kc, b + <usize>j * across, across, along, panel)
    for (let i = 0; i < mc; i += rows) {
      const mr = min(rows, mc - i)
      const aPanel = blockIn(workspace) + (<usize>(i * kc) << 2)
      const to = c + <usize>i * cLeading + (<usize>j << 2)
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

/** The size of all parts but the last, in whole units, when n is cut evenly at `most` a part. */
function evenPart(n: i32, most: i32, unit: i32): i32 {
  const parts = max(1, (n + most - 1) / most)
  const part = (n + parts - 1) / parts
  return max(unit, ((part + unit - 1) / unit) * unit)
}

function clear(c: usize, leading: usize, M: i32, N: i32): void {
  for (let i = 0; i < M; i++) memory.fill(c + <usize>i * leading, 0, <usize>N << 2)
}
