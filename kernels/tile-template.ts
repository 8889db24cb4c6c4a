/**
 * The innermost loop of every product, unrolled for a tile of MR rows and NR columns held in
 * registers. AssemblyScript has no macros, so the text of each tile is written here and compiled
 * with the rest.
 *
 * `a` is a panel of kc columns of MR numbers, `b` of kc rows of NR numbers, both packed without
 * gaps. Which size is fastest depends on the engine: 4x8 where registers are few (Node 20), 5x8 for
 * V8's fifteen 128-bit registers, 4x16 when V8 pairs vectors into 256-bit ones. The bits are the
 * same for all.
 */
export const TILES = [
  { name: '4x8', rows: 4, columns: 8 },
  { name: '5x8', rows: 5, columns: 8 },
  { name: '4x16', rows: 4, columns: 16 },
] as const

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

${TILES.map(({ name, rows, columns }) => tileSource(name, rows, columns)).join('\n')}`
}

/**
 * C's tile is always loaded, after zeros were stored where there is nothing to continue: a
 * conditional start in registers keeps V8 from pairing one of the accumulators (57 instead of 69
 * GFLOP/s, 4x16).
 */
function tileSource(name: string, rows: number, columns: number): string {
  const vectors = columns / 4
  const cells = (cell: (i: number, j: number) => string) =>
    list(rows, (i) => `  ${list(vectors, (j) => cell(i, j))}\n`, '')
  const splat = (i: number) => `x = v128.load_splat<f32>(a, ${4 * i})`
  const product = (i: number, j: number) => `c${i}${j} = f32x4.add(c${i}${j}, f32x4.mul(x, b${j}))`
  return `function tile${name}(
  kc: i32, a: usize, b: usize, c: usize, ldc: usize, first: bool,
): void {
  const r0 = c
${list(rows - 1, (i) => `  const r${i + 1} = r${i} + ldc\n`, '')}
  if (first) {
    const zero = f32x4.splat(0)
${cells((i, j) => `v128.store(r${i}, zero, ${16 * j})`)}
  }
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

/** text(0) .. text(n-1), joined. */
function list(n: number, text: (i: number) => string, separator = '; '): string {
  return Array.from({ length: n }, (_, i) => text(i)).join(separator)
}
