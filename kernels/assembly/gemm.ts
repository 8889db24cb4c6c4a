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
import { packBackward, packForward } from './pack-weights'
import { rowFloat32 } from './row'
import { runTile, tileColumns, tileRows } from './tiles'
import { FLOAT32, rowBytes } from './weights'

const FORM_NT = 0
const FORM_TN = 2

/**
 * Both are divided evenly where the matrix needs several, so that no thin block is left over. The
 * fewer blocks of K there are, the fewer times C is loaded and stored; more than 512 do not pay.
 */
export const KC_MAX = 512
export const MC_MAX = 480
/** Bytes of the workspace's parts: the edge tile (5x16 at most), then B's panel, then A's block. */
const EDGE_BYTES: usize = 512
const PANEL_BYTES: usize = KC_MAX * 16 * 4

/** What B is: a plain matrix, or a frozen weight whose rows are summed along or across. */
const PLAIN = 0
const FORWARD = 1
const BACKWARD = 2

/** B of the product at work; one instance serves one thread. */
let operand = PLAIN
let kind = FLOAT32
/** A plain matrix, or a weight's values. */
let base: usize = 0
/** Plain: bytes from one column of B to the next, and along the summed axis. */
let across: usize = 0
let along: usize = 0
/** Frozen: its scales, and the length of its rows. */
let scales: usize = 0
let inputs = 0

export function gemm(
  form: i32, M: i32, N: i32, K: i32,
  a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32,
  accumulate: bool, workspace: usize, tile: i32,
): void {
  operand = PLAIN
  base = b
  across = form == FORM_NT ? <usize>ldb << 2 : 4
  along = form == FORM_NT ? 4 : <usize>ldb << 2
  const aAcross: usize = form == FORM_TN ? 4 : <usize>lda << 2
  const aAlong: usize = form == FORM_TN ? <usize>lda << 2 : 4
  multiply(M, N, K, a, aAcross, aAlong, c, <usize>ldc << 2, accumulate, workspace, tile)
}

/**
 * C (T,O) from A (T,I)·Wᵀ, or backwards C (T,I) from A (T,O)·W; `ld` is from one row of (T,O) to
 * the next.
 */
export function frozenFloat32(
  backward: bool, weightKind: i32, values: usize, weightScales: usize, O: i32, I: i32,
  T: i32, a: usize, c: usize, ld: i32, accumulate: bool, workspace: usize, tile: i32,
): void {
  operand = backward ? BACKWARD : FORWARD
  kind = weightKind
  base = values
  scales = weightScales
  inputs = I
  if (kind == FLOAT32) {
    operand = PLAIN
    across = backward ? 4 : <usize>I << 2
    along = backward ? <usize>I << 2 : 4
  }
  const N = backward ? I : O
  const K = backward ? O : I
  const aLeading = <usize>(backward ? ld : I) << 2
  const cLeading = <usize>(backward ? I : ld) << 2
  multiply(T, N, K, a, aLeading, 4, c, cLeading, accumulate, workspace, tile)
}

/** `aAcross` is from one row of A to the next; `aAlong` follows the summed axis. */
function multiply(
  M: i32, N: i32, K: i32, a: usize, aAcross: usize, aAlong: usize,
  c: usize, cLeading: usize, accumulate: bool, workspace: usize, tile: i32,
): void {
  if (M == 1 && aAlong == 4 && isAlongRows()) {
    if (operand == PLAIN) rowFloat32(FLOAT32, base, across, 0, N, K, a, c, accumulate)
    else rowFloat32(kind, base, rowBytes(kind, K), scales, N, K, a, c, accumulate)
    return
  }
  const rows = tileRows(tile)
  const kcMost = evenPart(K, KC_MAX, 4)
  const mcMost = evenPart(M, MC_MAX, rows)
  if (K == 0 && !accumulate) clear(c, cLeading, M, N)
  for (let k = 0; k < K; k += kcMost) {
    const kc = min(kcMost, K - k)
    const first = k == 0 && !accumulate
    for (let i = 0; i < M; i += mcMost) {
      const mc = min(mcMost, M - i)
      const aFrom = a + <usize>i * aAcross + <usize>k * aAlong
      packBlock(rows, mc, kc, aFrom, aAcross, aAlong, blockIn(workspace))
      multiplyBlock(tile, mc, N, kc, k, c + <usize>i * cLeading, cLeading, first, workspace)
    }
  }
}

/** Whether a column of B lies in one piece. */
function isAlongRows(): bool {
  return operand == FORWARD || (operand == PLAIN && along == 4)
}

/** Columns j .. j+count-1 of B, rows k .. k+kc-1. */
function packPanel(columns: i32, count: i32, kc: i32, j: i32, k: i32, panel: usize): void {
  if (operand == FORWARD) {
    packForward(kind, columns, count, kc, base, scales, inputs, j, k, panel)
  } else if (operand == BACKWARD) {
    packBackward(kind, columns, count, kc, base, scales, inputs, k, j, panel)
  } else {
    pack(columns, count, kc, base + <usize>j * across + <usize>k * along, across, along, panel)
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

/** C (mc,N) = or += packed block of A · rows k .. k+kc-1 of B. */
function multiplyBlock(
  tile: i32, mc: i32, N: i32, kc: i32, k: i32,
  c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  const rows = tileRows(tile)
  const columns = tileColumns(tile)
  const panel = panelIn(workspace)
  for (let j = 0; j < N; j += columns) {
    const nc = min(columns, N - j)
    packPanel(columns, nc, kc, j, k, panel)
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
export function copyRow(to: usize, from: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 4) store<f32>(to + o, load<f32>(from + o))
}

/** The size of all parts but the last, in whole units, when n is cut evenly at `most` a part. */
export function evenPart(n: i32, most: i32, unit: i32): i32 {
  const parts = max(1, (n + most - 1) / most)
  const part = (n + parts - 1) / parts
  return max(unit, ((part + unit - 1) / unit) * unit)
}

export function clear(c: usize, leading: usize, M: i32, N: i32): void {
  for (let i = 0; i < M; i++) memory.fill(c + <usize>i * leading, 0, <usize>N << 2)
}
