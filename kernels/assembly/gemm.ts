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
import { isBlocks } from './blocks'
import { pack } from './pack'
import { rowBlocks, SCALES_BYTES } from './pack-blocks'
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
/**
 * Bytes of the workspace's parts: the edge tile (5x16 at most), B's panel, then A's block, whose
 * rows are whole tiles: MC_MAX is a multiple of every tile's. Scales of blocks and what B is come
 * last.
 */
const EDGE_BYTES: usize = 512
const PANEL_BYTES: usize = KC_MAX * 16 * 4
const BLOCK_BYTES: usize = MC_MAX * KC_MAX * 4

/** What B is: a plain matrix, or a frozen weight whose rows are summed along or across. */
const PLAIN = 0
const FORWARD = 1
const BACKWARD = 2

/** B of a product; it lies at the end of the workspace, as each thread has a product of its own. */
@unmanaged
class Operand {
  role: i32
  kind: i32
  /** A plain matrix, or a weight's values. */
  base: usize
  /** Plain: bytes from one column of B to the next, and along the summed axis. */
  across: usize
  along: usize
  /** Frozen: its scales, and the length of its rows. */
  scales: usize
  inputs: i32
}

export function gemm(
  form: i32, M: i32, N: i32, K: i32,
  a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32,
  accumulate: bool, workspace: usize, tile: i32,
): void {
  const operand = plain(
    b, form == FORM_NT ? <usize>ldb << 2 : 4, form == FORM_NT ? 4 : <usize>ldb << 2, workspace,
  )
  const aAcross: usize = form == FORM_TN ? 4 : <usize>lda << 2
  const aAlong: usize = form == FORM_TN ? <usize>lda << 2 : 4
  const cLeading = <usize>ldc << 2
  multiply(M, N, K, a, aAcross, aAlong, operand, c, cLeading, accumulate, workspace, tile)
}

/**
 * C (T,O) from A (T,I)·Wᵀ, or backwards C (T,I) from A (T,O)·W; `ld` is from one row of (T,O) to
 * the next.
 */
export function frozenFloat32(
  backward: bool, kind: i32, values: usize, scales: usize, O: i32, I: i32,
  T: i32, a: usize, c: usize, ld: i32, accumulate: bool, workspace: usize, tile: i32,
): void {
  const row = <usize>I << 2
  const operand = kind == FLOAT32
    ? plain(values, backward ? 4 : row, backward ? row : 4, workspace)
    : frozen(backward ? BACKWARD : FORWARD, kind, values, scales, I, workspace)
  const N = backward ? I : O
  const K = backward ? O : I
  const aLeading = <usize>(backward ? ld : I) << 2
  const cLeading = <usize>(backward ? I : ld) << 2
  multiply(T, N, K, a, aLeading, 4, operand, c, cLeading, accumulate, workspace, tile)
}

function plain(base: usize, across: usize, along: usize, workspace: usize): Operand {
  const operand = operandIn(workspace)
  operand.role = PLAIN
  operand.kind = FLOAT32
  operand.base = base
  operand.across = across
  operand.along = along
  operand.scales = 0
  return operand
}

function frozen(
  role: i32, kind: i32, values: usize, scales: usize, inputs: i32, workspace: usize,
): Operand {
  const operand = operandIn(workspace)
  operand.role = role
  operand.kind = kind
  operand.base = values
  operand.scales = scales
  operand.inputs = inputs
  return operand
}

/** `aAcross` is from one row of A to the next; `aAlong` follows the summed axis. */
function multiply(
  M: i32, N: i32, K: i32, a: usize, aAcross: usize, aAlong: usize, b: Operand,
  c: usize, cLeading: usize, accumulate: bool, workspace: usize, tile: i32,
): void {
  if (M == 1 && aAlong == 4 && isAlongRows(b)) {
    if (isBlocks(b.kind)) {
      const scales = blockScalesIn(workspace)
      rowBlocks(b.kind, b.base, N, K, a, c, accumulate, panelIn(workspace), scales)
      return
    }
    const leading = b.role == PLAIN ? b.across : rowBytes(b.kind, K)
    rowFloat32(b.kind, b.base, leading, b.scales, N, K, a, c, accumulate)
    return
  }
  const rows = tileRows(tile)
  const kcMost = evenPart(K, KC_MAX, 16)
  const mcMost = evenPart(M, MC_MAX, rows)
  if (K == 0 && !accumulate) clear(c, cLeading, M, N)
  for (let k = 0; k < K; k += kcMost) {
    const kc = min(kcMost, K - k)
    const first = k == 0 && !accumulate
    for (let i = 0; i < M; i += mcMost) {
      const mc = min(mcMost, M - i)
      const aFrom = a + <usize>i * aAcross + <usize>k * aAlong
      packBlock(rows, mc, kc, aFrom, aAcross, aAlong, blockIn(workspace))
      multiplyBlock(tile, mc, N, kc, k, b, c + <usize>i * cLeading, cLeading, first, workspace)
    }
  }
}

/** Whether a column of B lies in one piece. */
function isAlongRows(b: Operand): bool {
  return b.role == FORWARD || (b.role == PLAIN && b.along == 4)
}

/** Columns j .. j+count-1 of B, rows k .. k+kc-1. */
function packPanel(
  b: Operand, columns: i32, count: i32, kc: i32, j: i32, k: i32, workspace: usize,
): void {
  const to = panelIn(workspace)
  const scratch = blockScalesIn(workspace)
  if (b.role == FORWARD) {
    packForward(b.kind, columns, count, kc, b.base, b.scales, b.inputs, j, k, to, scratch)
  } else if (b.role == BACKWARD) {
    packBackward(b.kind, columns, count, kc, b.base, b.scales, b.inputs, k, j, to, scratch)
  } else {
    const from = b.base + <usize>j * b.across + <usize>k * b.along
    pack(columns, count, kc, from, b.across, b.along, to)
  }
}

function panelIn(workspace: usize): usize {
  return workspace + EDGE_BYTES
}

function blockIn(workspace: usize): usize {
  return workspace + EDGE_BYTES + PANEL_BYTES
}

/** SCALES_BYTES: what blocks of a weight have for scales, while they are packed. */
function blockScalesIn(workspace: usize): usize {
  return blockIn(workspace) + BLOCK_BYTES
}

function operandIn(workspace: usize): Operand {
  return changetype<Operand>(blockScalesIn(workspace) + SCALES_BYTES)
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
  tile: i32, mc: i32, N: i32, kc: i32, k: i32, b: Operand,
  c: usize, cLeading: usize, first: bool, workspace: usize,
): void {
  const rows = tileRows(tile)
  const columns = tileColumns(tile)
  const panel = panelIn(workspace)
  for (let j = 0; j < N; j += columns) {
    const nc = min(columns, N - j)
    packPanel(b, columns, nc, kc, j, k, workspace)
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
  if (!first) copyCorner(mr, nc, edge, edgeLeading, c, cLeading)
  runTile(tile, kc, aPanel, bPanel, edge, edgeLeading, first)
  copyCorner(mr, nc, c, cLeading, edge, edgeLeading)
}

/**
 * The upper left (mr,nc) of one tile to another. A row of it has at most 60 bytes: too few for
 * memory.copy, which is a call.
 */
export function copyCorner(
  mr: i32, nc: i32, to: usize, toLeading: usize, from: usize, fromLeading: usize,
): void {
  const bytes = <usize>nc << 2
  for (let i = 0; i < mr; i++) {
    const target = to + <usize>i * toLeading
    const source = from + <usize>i * fromLeading
    for (let o: usize = 0; o < bytes; o += 4) store<f32>(target + o, load<f32>(source + o))
  }
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
