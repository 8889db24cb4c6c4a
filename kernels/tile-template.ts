/**
 * The innermost loops of every product, unrolled for a tile of MR rows and NR columns held in
 * registers. AssemblyScript has no macros, so the text of each tile is written here and compiled
 * with the rest.
 *
 * `a` is a panel of kc columns of MR numbers, `b` of kc rows of NR numbers, both packed without
 * gaps; on the integer path a number is a cell of two int16. Which size is fastest depends on the
 * engine: 4x8 where registers are few (Node 20), 5x8 for V8's fifteen 128-bit registers, 4x16 when
 * V8 pairs vectors into 256-bit ones. The bits are the same for all.
 */
import type { ProductPath } from './ops.ts'

export const TILES = [
  { name: '4x8', rows: 4, columns: 8 },
  { name: '5x8', rows: 5, columns: 8 },
  { name: '4x16', rows: 4, columns: 16 },
] as const
export type TileName = (typeof TILES)[number]['name']
/** The tile of each path. */
export type Tiles = Readonly<Record<ProductPath, TileName>>
/** The tiles to take before any were measured: they are slow nowhere. */
export const FAIR_TILES: Tiles = { float32: '5x8', int16: '5x8' }

const TILE16_ARGUMENTS = 'pairs, a, b, c, ldc, first, rowScales, columnScales, zeros'

/** AssemblyScript for all tiles, told apart by their index in TILES. */
export function tilesSource(): string {
  const byTile = (value: (tile: (typeof TILES)[number]) => string) =>
    list(TILES.length, (i) => `  if (tile == ${i}) return ${value(TILES[i]!)}\n`, '')
  return `// Written by kernels/build.ts from kernels/tile-template.ts.

export function tileRows(tile: i32): i32 {
${byTile(({ rows }) => `${rows}`)}  return 0
}

export function tileColumns(tile: i32): i32 {
${byTile(({ columns }) => `${columns}`)}  return 0
}

export function runTile(
  tile: i32, kc: i32, a: usize, b: usize, c: usize, ldc: usize, first: bool,
): void {
${byTile(({ name }) => `tile${name}(kc, a, b, c, ldc, first)`)}}

export function runTile16(
  tile: i32, pairs: i32, a: usize, b: usize, c: usize, ldc: usize, first: bool,
  rowScales: usize, columnScales: usize, zeros: usize,
): void {
${byTile(({ name }) => `tile16x${name}(${TILE16_ARGUMENTS})`)}}

${TILES.map(tileSource).join('\n')}
${TILES.map(tile16Source).join('\n')}`
}

interface Tile {
  name: string
  rows: number
  columns: number
}

/**
 * C's tile is always loaded, after zeros were stored where there is nothing to continue: a
 * conditional start in registers keeps V8 from pairing one of the accumulators (57 instead of 69
 * GFLOP/s, 4x16).
 */
function tileSource({ name, rows, columns }: Tile): string {
  const vectors = columns / 4
  const cells = byCell(rows, vectors)
  const splat = (i: number) => `x = v128.load_splat<f32>(a, ${4 * i})`
  const product = (i: number, j: number) => `c${i}${j} = f32x4.add(c${i}${j}, f32x4.mul(x, b${j}))`
  return `function tile${name}(
  kc: i32, a: usize, b: usize, c: usize, ldc: usize, first: bool,
): void {
${rowPointers(rows)}${startAtZero(rows, vectors)}
${cells((i, j) => `let c${i}${j} = v128.load(r${i}, ${16 * j})`)}
  const end = a + <usize>kc * ${4 * rows}
  let x: v128
  do {
    ${list(vectors, (j) => `const b${j} = v128.load(b, ${16 * j})`)}
${list(rows, (i) => `    ${splat(i)}; ${list(vectors, (j) => product(i, j))}\n`, '')}
    a += ${4 * rows}
    b += ${4 * columns}
  } while (a != end)
${cells((i, j) => `v128.store(r${i}, c${i}${j}, ${16 * j})`)}
}
`
}

/**
 * Sums in int32, then one flush: C += round(round(round(sum) · column's scale) · row's scale). V8
 * pairs the vectors of a row only if each sum starts from a load of its own, and if a row is stored
 * after all of it has been computed: a load between two stores keeps them apart (61 instead of 116
 * Gop/s, 4x16).
 */
function tile16Source({ name, rows, columns }: Tile): string {
  const vectors = columns / 4
  const cells = byCell(rows, vectors)
  const splat = (i: number) => `x = v128.load_splat<i32>(a, ${4 * i})`
  const product = (i: number, j: number) =>
    `s${i}${j} = i32x4.add(s${i}${j}, i32x4.dot_i16x8_s(x, b${j}))`
  const flushed = (i: number, j: number) => {
    const scaled = `f32x4.mul(f32x4.mul(f32x4.convert_i32x4_s(s${i}${j}), w${j}), x)`
    return `  const v${i}${j} = f32x4.add(v128.load(r${i}, ${16 * j}), ${scaled})\n`
  }
  const stored = (i: number, j: number) => `v128.store(r${i}, v${i}${j}, ${16 * j})`
  const flush = (i: number) => `  x = v128.load_splat<f32>(rowScales, ${4 * i})
${list(vectors, (j) => flushed(i, j), '')}  ${list(vectors, (j) => stored(i, j))}
`
  return `function tile16x${name}(
  pairs: i32, a: usize, b: usize, c: usize, ldc: usize, first: bool,
  rowScales: usize, columnScales: usize, zeros: usize,
): void {
${cells((i, j) => `let s${i}${j} = v128.load(zeros, ${16 * (i * vectors + j)})`)}
  const end = a + <usize>pairs * ${4 * rows}
  let x: v128
  do {
    ${list(vectors, (j) => `const b${j} = v128.load(b, ${16 * j})`)}
${list(rows, (i) => `    ${splat(i)}; ${list(vectors, (j) => product(i, j))}\n`, '')}
    a += ${4 * rows}
    b += ${4 * columns}
  } while (a != end)
${rowPointers(rows)}${startAtZero(rows, vectors)}
${list(vectors, (j) => `  const w${j} = v128.load(columnScales, ${16 * j})`)}
${list(rows, flush, '')}}
`
}

function rowPointers(rows: number): string {
  return `  const r0 = c\n${list(rows - 1, (i) => `  const r${i + 1} = r${i} + ldc\n`, '')}`
}

function startAtZero(rows: number, vectors: number): string {
  return `  if (first) {
    const zero = f32x4.splat(0)
${byCell(rows, vectors)((i, j) => `v128.store(r${i}, zero, ${16 * j})`)}
  }`
}

/** A line for each row, with the text of each of its vectors. */
function byCell(rows: number, vectors: number) {
  return (text: (i: number, j: number) => string) =>
    list(rows, (i) => `  ${list(vectors, (j) => text(i, j))}\n`, '')
}

/** text(0) .. text(n-1), joined. */
function list(n: number, text: (i: number) => string, separator = '; '): string {
  return Array.from({ length: n }, (_, i) => text(i)).join(separator)
}
