/** Tiles are picked by the clock alone. */
import { expect, test } from 'vitest'
import { createArena } from '../../kernels/arena.ts'
import type { Ops, ProductPath } from '../../kernels/ops.ts'
import { TILES, type TileName } from '../../kernels/tile-template.ts'
import { fastestTiles } from '../../kernels/tune.ts'
import { wasm, wasmWith } from './harness.ts'

type Costs = Record<TileName, readonly number[]>

/** Products that take as long as `costs` says, one entry after the other, the last for ever. */
function check(costs: Record<ProductPath, Costs>, expected: Record<ProductPath, TileName>): void {
  let time = 0
  const runs = new Map<string, number>()
  const create = (tile: TileName): Ops => ({
    ...wasm,
    frozenForward: (_y, _x, _weight, _T, path) => {
      const run = runs.get(`${path} ${tile}`) ?? 0
      runs.set(`${path} ${tile}`, run + 1)
      time += costs[path][tile][run] ?? costs[path][tile].at(-1)!
    },
  })
  const arena = createArena(wasm.memory)
  const top = arena.top
  expect(fastestTiles(create, arena, () => time)).toEqual(expected)
  expect(arena.top).toBe(top)
  expect(time).toBeLessThan(60 + 4 * 60)
}

for (const [what, float32, int16, expected] of [
  ['the quickest', [[3], [2], [1]], [[1], [2], [3]], ['4x16', '4x8']],
  ['slow code first', [[9, 9, 1], [2], [3]], [[2], [9, 9, 9, 1], [3]], ['4x8', '5x8']],
  ['a neighbour now and then', [[1], [1, 0.5, 9], [9, 0.4]], [[3], [2], [9, 1]], ['4x16', '4x16']],
] as const) {
  const byTile = (rows: readonly (readonly number[])[]) =>
    Object.fromEntries(TILES.map(({ name }, i) => [name, rows[i]])) as Costs
  test(`picks ${what}`, () =>
    check(
      { float32: byTile(float32), int16: byTile(int16) },
      { float32: expected[0], int16: expected[1] },
    ))
}

test('the fastest tiles of this machine are tiles', () => {
  const create = (name: TileName) => wasmWith({ tiles: { float32: name, int16: name } })
  let calls = 0
  const tiles = fastestTiles(create, createArena(wasm.memory), () => calls++)
  const names = TILES.map(({ name }) => name)
  expect(names).toContain(tiles.float32)
  expect(names).toContain(tiles.int16)
})
