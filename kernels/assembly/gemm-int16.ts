/**
 * The exact integer path: int8 weights times activations that are quantised to int16 while they are
 * packed, block by block of 512 along the summed axis; see ProductPath in kernels/ops.ts. Two
 * neighbours along that axis lie in one 32-bit cell, which is what i32x4.dot_i16x8_s multiplies and
 * adds.
 *
 * No sum of a block leaves int32: 512 · 32767 · 128 = 2,147,418,112 < 2^31, in whatever order it is
 * taken. So only the blocks, their scales and the order in which they are flushed into C have any
 * say in the bits. The loops are those of gemm.ts.
 */
import { clear, copyCorner, evenPart, MC_MAX } from './gemm'
import { packCodesBackward, packCodesForward, quantisePanel } from './pack-int16'
import { rowInt16 } from './row'
import { runTile16, tileColumns, tileRows } from './tiles'

const BLOCK = 512
/**
 * Bytes of the workspace's parts: the edge tile, the scales of a panel's columns (ones in the
 * backward), zeros to start from, the scales of a block's rows, B's panel, then A's block.
 */
const EDGE_BYTES: usize = 512
const COLUMN_SCALE_BYTES: usize = 64
const ZERO_BYTES: usize = 256
const ROW_SCALE_BYTES: usize = (MC_MAX + 16) * 4
const PANEL_BYTES: usize = BLOCK * 16 * 2

/**
 * C (T,O) from A (T,I)·Wᵀ, or backwards C (T,I) from A (T,O)·W; `ld` is from one row of (T,O) to
 * the next.
 */
export function frozenInt16(
  backward: bool, values: usize, scales: usize, O: i32, I: i32,
  T: i32, a: usize, c: usize, ld: i32, accumulate: bool, workspace: usize, tile: i32,
): void {
  if (T == 1 && !backward) {
    rowInt16(values, scales, O, I, a, c, accumulate, workspace)
    return
  }
  const N = backward ? I : O
  const K = backward ? O : I
  const rows = tileRows(tile)
  const mcMost = evenPart(T, MC_MAX, rows)
  const aLeading = <usize>(backward ? ld : I) << 2
  const cLeading = <usize>(backward ? I : ld) << 2
  if (K == 0 && !accumulate) clear(c, cLeading, T, N)
  memory.fill(zerosIn(workspace), 0, ZERO_BYTES)
  for (let k = 0; k < K; k += BLOCK) {
    const kc = min(BLOCK, K - k)
    const first = k == 0 && !accumulate
    for (let i = 0; i < T; i += mcMost) {
      const mc = min(mcMost, T - i)
      const from = a + <usize>i * aLeading + (<usize>k << 2)
      const factors = backward ? scales + (<usize>k << 2) : 0
      quantiseBlock(rows, mc, kc, from, aLeading, factors, workspace)
      multiplyBlock(
        tile, backward, mc, N, kc, k, values, scales, I,
        c + <usize>i * cLeading, cLeading, first, workspace,
      )
    }
  }
}

function columnScalesIn(workspace: usize): usize {
  return workspace + EDGE_BYTES
}

function zerosIn(workspace: usize): usize {
  return columnScalesIn(workspace) + COLUMN_SCALE_BYTES
}

function rowScalesIn(workspace: usize): usize {
  return zerosIn(workspace) + ZERO_BYTES
}

function panelIn(workspace: usize): usize {
  return rowScalesIn(workspace) + ROW_SCALE_BYTES
}

function blockIn(workspace: usize): usize {
  return panelIn(workspace) + PANEL_BYTES
}

/** Bytes of one column of cells: a pair of int16 for each of `width` rows. */
// @ts-ignore: decorator
@inline
function cells(width: i32, kc: i32): usize {
  return <usize>(width * ((kc + 1) >> 1)) << 2
}

function quantiseBlock(
  rows: i32, mc: i32, kc: i32, a: usize, leading: usize, factors: usize, workspace: usize,
): void {
  for (let i = 0; i < mc; i += rows) {
    quantisePanel(
      rows, min(rows, mc - i), kc, a + <usize>i * leading, leading, factors,
      blockIn(workspace) + cells(i, kc), rowScalesIn(workspace) + (<usize>i << 2),
    )
  }
}

/** C (mc,N) = or += quantised block of A · rows k .. k+kc-1 of B. */
function multiplyBlock(
  tile: i32, backward: bool, mc: i32, N: i32, kc: i32, k: i32,
  values: usize, scales: usize, I: i32,
  c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  const rows = tileRows(tile)
  const columns = tileColumns(tile)
  const panel = panelIn(workspace)
  const columnScales = columnScalesIn(workspace)
  for (let n = 0; n < 16; n++) store<f32>(columnScales + (<usize>n << 2), 1)
  for (let j = 0; j < N; j += columns) {
    const nc = min(columns, N - j)
    if (backward) packCodesBackward(columns, nc, kc, values + <usize>(k * I + j), I, panel)
    else {
      packCodesForward(columns, nc, kc, values + <usize>(j * I + k), I, panel)
      memory.copy(columnScales, scales + (<usize>j << 2), <usize>nc << 2)
    }
    for (let i = 0; i < mc; i += rows) {
      const to = c + <usize>i * cLeading + (<usize>j << 2)
      const whole = mc - i >= rows && nc == columns
      if (whole) runTile16At(tile, kc, i, to, cLeading, first, workspace)
      else runEdge(tile, kc, i, min(rows, mc - i), nc, to, cLeading, first, workspace)
    }
  }
}

function runTile16At(
  tile: i32, kc: i32, i: i32, c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  runTile16(
    tile, (kc + 1) >> 1, blockIn(workspace) + cells(i, kc), panelIn(workspace), c, cLeading, first,
    rowScalesIn(workspace) + (<usize>i << 2), columnScalesIn(workspace), zerosIn(workspace),
  )
}

/** A tile that hangs over C's edge: computed in full beside C, of which only (mr,nc) are copied. */
function runEdge(
  tile: i32, kc: i32, i: i32, mr: i32, nc: i32,
  c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  const edgeLeading = <usize>tileColumns(tile) << 2
  if (!first) copyCorner(mr, nc, workspace, edgeLeading, c, cLeading)
  runTile16At(tile, kc, i, workspace, edgeLeading, first, workspace)
  copyCorner(mr, nc, c, cLeading, workspace, edgeLeading)
}
