/**
 * The integer path on weights in blocks; see ProductPath in kernels/ops.ts. The summed axis is cut
 * into spans of 256 numbers of activations, which have one scale; of a weight's numbers as many are
 * summed exactly as share a factor and keep a sum within int32. What a kind of blocks has for least
 * values becomes a product of its own, in float32: one number for 32 of the others.
 *
 * Forwards a factor belongs to a column of C, backwards to a row of the summed axis, where dy is
 * multiplied by it before it is quantised: once for each 256 columns, as they share it. The loops
 * are those of gemm.ts.
 */
import { hasLeast, Q4_K, Q6_K } from './blocks'
import { clear, copyCorner, evenPart, MC_MAX } from './gemm'
import { pack } from './pack'
import { packBlockCodesBackward, packFactors, packLeastsBackward } from './pack-codes-backward'
import { packBlockCodesForward } from './pack-codes-forward'
import { quantisePanel } from './pack-int16'
import { runTile, runTile16, tileColumns, tileRows } from './tiles'

/** Numbers along the summed axis that are quantised together. */
const SPAN = 256
/** Columns of the backward whose factors are the same. */
const GROUP = 256
/** Columns that share a least value. */
const PART = 32

/** Where the workspace's parts lie, behind the edge tile. A block of A has whole tiles of rows. */
const ROWS_MAX: usize = MC_MAX + 16
const SCALES: usize = 512
const ZEROS: usize = SCALES + (SPAN / PART) * 16 * 4
const PART_CODES: usize = ZEROS + 256
const FACTORS: usize = PART_CODES + 1024
const ROW_SCALES: usize = FACTORS + SPAN * 4
const LEASTS: usize = ROW_SCALES + ROWS_MAX * 4
const SUMS: usize = LEASTS + SPAN * 16 * 4
const PANEL: usize = SUMS + ROWS_MAX * 16 * 4
const CODES: usize = PANEL + SPAN * 16 * 2
const FLOATS: usize = CODES + ROWS_MAX * SPAN * 2
const PRODUCT: usize = FLOATS + ROWS_MAX * SPAN * 4

/** A product, of which a block of rows and a span of the summed axis are worked off. */
@unmanaged
class Product {
  backward: bool
  kind: i32
  values: usize
  inputs: i32
  tile: i32
  /** Bytes from one row of C to the next. */
  leading: usize
  /** Where all parts of the workspace are counted from. */
  base: usize
  /** The span: from k on, kc long. */
  k: i32
  kc: i32
  /** Rows of the block. */
  mc: i32
  /** Backwards: the part of the panel's columns, among those that least values are known of. */
  part: i32
}

/** Numbers of a column that are summed exactly. */
// @ts-ignore: decorator
@inline
function exactNumbers(kind: i32): i32 {
  if (kind < Q4_K) return PART
  return kind == Q6_K ? 64 : SPAN
}

/** The largest code of an activation. */
function codeMax(kind: i32): f32 {
  if (kind < Q4_K) return 32767
  return kind == Q4_K ? 16383 : 8191
}

/** It does what frozenInt16 in gemm-int16.ts does; only blocks of 256 go backwards. */
export function frozenBlocks(
  backward: bool, kind: i32, values: usize, O: i32, I: i32,
  T: i32, a: usize, c: usize, ld: i32, accumulate: bool, workspace: usize, tile: i32,
): void {
  const product = changetype<Product>(workspace + PRODUCT)
  product.backward = backward
  product.kind = kind
  product.values = values
  product.inputs = I
  product.tile = tile
  product.leading = <usize>(backward ? I : ld) << 2
  product.base = workspace
  const K = backward ? O : I
  const N = backward ? I : O
  const aLeading = <usize>(backward ? ld : I) << 2
  const mcMost = evenPart(T, MC_MAX, tileRows(tile))
  if (K == 0 && !accumulate) clear(c, product.leading, T, N)
  memory.fill(workspace + ZEROS, 0, 256)
  for (let k = 0; k < K; k += SPAN) {
    product.k = k
    product.kc = min(SPAN, K - k)
    const first = k == 0 && !accumulate
    for (let i = 0; i < T; i += mcMost) {
      product.mc = min(mcMost, T - i)
      const from = a + <usize>i * aLeading + (<usize>k << 2)
      const to = c + <usize>i * product.leading
      if (backward) multiplyBackward(product, from, aLeading, N, to, first)
      else multiplyForward(product, from, aLeading, N, to, first)
    }
  }
}

function multiplyForward(
  product: Product, a: usize, aLeading: usize, N: i32, c: usize, first: bool,
): void {
  const kind = product.kind
  const base = product.base
  const columns = tileColumns(product.tile)
  quantiseBlock(product, a, aLeading, 0)
  if (hasLeast(kind)) sumBlock(product)
  for (let j = 0; j < N; j += columns) {
    const nc = min(columns, N - j)
    packBlockCodesForward(
      kind, columns, nc, product.kc, product.values, product.inputs, j, product.k, base + PANEL,
      base + SCALES, base + LEASTS, base + PART_CODES,
    )
    multiplyPanel(product, nc, c + (<usize>j << 2), first)
  }
}

function multiplyBackward(
  product: Product, a: usize, aLeading: usize, N: i32, c: usize, first: bool,
): void {
  const kind = product.kind
  const base = product.base
  const columns = tileColumns(product.tile)
  const kc = product.kc
  const k = product.k
  if (hasLeast(kind)) packFloats(product, a, aLeading)
  for (let n = 0; n < 16; n++) store<f32>(base + SCALES + (<usize>n << 2), 1)
  for (let group = 0; group < N; group += GROUP) {
    const parts = group % (PART * columns)
    if (hasLeast(kind) && parts == 0) {
      multiplyLeasts(product, group, min(columns, (N - group) / PART))
    }
    packFactors(kind, kc, product.values, product.inputs, k, group, base + FACTORS)
    quantiseBlock(product, a, aLeading, base + FACTORS)
    for (let j = 0; j < GROUP; j += columns) {
      packBlockCodesBackward(
        kind, columns, kc, product.values, product.inputs, k, group + j, base + PANEL,
        base + PART_CODES,
      )
      product.part = (parts + j) / PART
      multiplyPanel(product, columns, c + (<usize>(group + j) << 2), first)
    }
  }
}

/** Bytes of `kc` columns of cells: a pair of int16 for each of `width` rows. */
// @ts-ignore: decorator
@inline
function cells(width: i32, kc: i32): usize {
  return <usize>(width * ((kc + 1) >> 1)) << 2
}

function quantiseBlock(product: Product, a: usize, leading: usize, factors: usize): void {
  const rows = tileRows(product.tile)
  const base = product.base
  const kc = product.kc
  const most = codeMax(product.kind)
  for (let i = 0; i < product.mc; i += rows) {
    quantisePanel(
      rows, min(rows, product.mc - i), kc, a + <usize>i * leading, leading, factors,
      base + CODES + cells(i, kc), base + ROW_SCALES + (<usize>i << 2), most,
    )
  }
}

/** What least values are multiplied with, a panel for each tile row: see `sumParts`. */
function sumBlock(product: Product): void {
  const rows = tileRows(product.tile)
  const base = product.base
  const kc = product.kc
  for (let i = 0; i < product.mc; i += rows) {
    sumParts(
      rows, kc, base + CODES + cells(i, kc), base + ROW_SCALES + (<usize>i << 2),
      base + SUMS + sumBytes(i, kc),
    )
  }
}

// @ts-ignore: decorator
@inline
function sumBytes(rows: i32, kc: i32): usize {
  return <usize>(rows * (kc / PART)) << 2
}

/** to[part·rows + row] = -round(Σ of the part's codes · row's scale); rows is 4 or 5. */
function sumParts(rows: i32, kc: i32, codes: usize, rowScales: usize, to: usize): void {
  const ones = i16x8.splat(1)
  const step = <usize>rows << 2
  for (const end = to + sumBytes(rows, kc); to != end; to += step) {
    let four = i32x4.splat(0)
    let fifth = four
    for (let pair = 0; pair < PART / 2; pair++) {
      four = i32x4.add(four, i32x4.dot_i16x8_s(v128.load(codes), ones))
      if (rows == 5) {
        fifth = i32x4.add(fifth, i32x4.dot_i16x8_s(v128.load32_zero(codes, 16), ones))
      }
      codes += step
    }
    v128.store(to, f32x4.neg(f32x4.mul(f32x4.convert_i32x4_s(four), v128.load(rowScales))))
    if (rows == 5) {
      store<f32>(to, -(<f32>i32x4.extract_lane(fifth, 0) * load<f32>(rowScales, 16)), 16)
    }
  }
}

/** C (mc,nc) = or += what is packed. */
function multiplyPanel(product: Product, nc: i32, c: usize, first: bool): void {
  const rows = tileRows(product.tile)
  const columns = tileColumns(product.tile)
  const leading = product.leading
  const edge = product.base
  const edgeLeading = <usize>columns << 2
  for (let i = 0; i < product.mc; i += rows) {
    const to = c + <usize>i * leading
    const mr = min(rows, product.mc - i)
    if (mr == rows && nc == columns) {
      multiplyTile(product, i, to, leading, first)
    } else {
      if (!first) copyCorner(mr, nc, edge, edgeLeading, to, leading)
      multiplyTile(product, i, edge, edgeLeading, first)
      copyCorner(mr, nc, to, leading, edge, edgeLeading)
    }
  }
}

function multiplyTile(product: Product, i: i32, c: usize, leading: usize, first: bool): void {
  const tile = product.tile
  const rows = tileRows(tile)
  const base = product.base
  const kc = product.kc
  const exact = exactNumbers(product.kind)
  const scaleStep: usize = product.kind < Q4_K ? 64 : 0
  if (product.backward && hasLeast(product.kind)) {
    subtractLeasts(product, i, c, leading, first)
    first = false
  }
  let a = base + CODES + cells(i, kc)
  let b = base + PANEL
  let scales = base + SCALES
  for (let k = 0; k < kc; k += exact) {
    const n = min(exact, kc - k)
    runTile16(
      tile, (n + 1) >> 1, a, b, c, leading, first && k == 0,
      base + ROW_SCALES + (<usize>i << 2), scales, base + ZEROS,
    )
    a += cells(rows, n)
    b += cells(tileColumns(tile), n)
    scales += scaleStep
  }
  if (product.backward || !hasLeast(product.kind)) return
  runTile(tile, kc / PART, base + SUMS + sumBytes(i, kc), base + LEASTS, c, leading, false)
}

/** A as it is, for the product with least values. */
function packFloats(product: Product, a: usize, leading: usize): void {
  const rows = tileRows(product.tile)
  const kc = product.kc
  for (let i = 0; i < product.mc; i += rows) {
    const to = product.base + FLOATS + (<usize>(i * kc) << 2)
    pack(rows, min(rows, product.mc - i), kc, a + <usize>i * leading, leading, 4, to)
  }
}

/** SUMS (mc,columns) = A · least values of `count` parts, of which the first has column `j`. */
function multiplyLeasts(product: Product, j: i32, count: i32): void {
  const tile = product.tile
  const rows = tileRows(tile)
  const columns = tileColumns(tile)
  const base = product.base
  const kc = product.kc
  packLeastsBackward(
    product.kind, columns, count, kc, product.values, product.inputs, product.k, j, base + LEASTS,
  )
  for (let i = 0; i < product.mc; i += rows) {
    const from = base + FLOATS + (<usize>(i * kc) << 2)
    const to = base + SUMS + (<usize>(i * columns) << 2)
    runTile(tile, kc, from, base + LEASTS, to, <usize>columns << 2, true)
  }
}

/** A tile of C = or -= what its part's least values come to, the same for all of a row. */
function subtractLeasts(product: Product, i: i32, c: usize, leading: usize, first: bool): void {
  const columns = tileColumns(product.tile)
  const zero = f32x4.splat(0)
  let sums = product.base + SUMS + (<usize>(i * columns + product.part) << 2)
  for (let row = 0; row < tileRows(product.tile); row++) {
    const sum = v128.load_splat<f32>(sums)
    for (let to = c; to != c + (<usize>columns << 2); to += 32) {
      v128.store(to, f32x4.sub(first ? zero : v128.load(to), sum))
      v128.store(to, f32x4.sub(first ? zero : v128.load(to, 16), sum), 16)
    }
    sums += <usize>columns << 2
    c += leading
  }
}
