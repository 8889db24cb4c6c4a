/**
 * Which tile is fastest here: every tile gives the same bits, so each machine may take its own. A
 * product of each path is run in every tile in turn, for a few milliseconds; the shortest time of
 * each counts, since an engine starts with slow code and a neighbour may disturb any single run.
 * The clock is the caller's.
 */
import { type Arena, createArena, newSharedMemory } from './arena.ts'
import { weightBytes } from './frozen.ts'
import type { Ops, ProductPath } from './ops.ts'
import { createWasmOps } from './ops-wasm.ts'
import { TILES, type TileName, type Tiles } from './tile-template.ts'

/** How long the tiles of one path compete. */
const BUDGET_MS = 25
/** Every tile runs so often at least, so that its compiled code is met even by a coarse clock. */
const ROUNDS_MIN = 4
/**
 * T, O, I: whole tiles of all sizes, one block along the summed axis, and less than a millisecond.
 */
const SIZES = { T: 80, O: 96, I: 512 }

/** The tiles to compile a module's products in, tried in a memory of their own. */
export function tune(module: WebAssembly.Module, now: () => number): Tiles {
  const memory = newSharedMemory(1)
  const inTiles = (tile: TileName) =>
    createWasmOps(module, memory, { tiles: { float32: tile, int16: tile } })
  return fastestTiles(inTiles, createArena(memory), now)
}

/** `create` gives Ops that use one tile; `now` is in milliseconds. */
export function fastestTiles(
  create: (tile: TileName) => Ops,
  arena: Arena,
  now: () => number,
): Tiles {
  const mark = arena.mark()
  const { T, O, I } = SIZES
  const bytes = weightBytes('int8', O, I)
  const y = arena.allocate('tuned y', 4 * T * O)
  const x = arena.allocate('tuned x', 4 * T * I)
  const values = arena.allocate('tuned weight', bytes.values)
  const scales = arena.allocate('tuned scales', bytes.scales)
  const contestants = TILES.map(({ name }) => ({ name, ops: create(name) }))
  const { ops } = contestants[0]!
  ops.fill(x, 1, T * I)
  ops.fill(scales, 1, O)
  ops.fill(values, 1, (O * I) / 4)
  const weight = { kind: 'int8', values, scales, outputs: O, inputs: I } as const
  const fastest = (path: ProductPath): TileName => {
    const run = (ops: Ops) => ops.frozenForward(y, x, weight, T, path, false)
    return shortest(contestants, run, now)
  }
  const tiles = { float32: fastest('float32'), int16: fastest('int16') }
  arena.release(mark)
  return tiles
}

interface Contestant {
  name: TileName
  ops: Ops
}

function shortest(
  contestants: readonly Contestant[],
  run: (ops: Ops) => void,
  now: () => number,
): TileName {
  const times = new Map<TileName, number>()
  const start = now()
  for (let round = 0; round < ROUNDS_MIN || now() - start < BUDGET_MS; round++) {
    for (const { name, ops } of contestants) {
      const before = now()
      run(ops)
      times.set(name, Math.min(times.get(name) ?? Infinity, now() - before))
    }
  }
  const [winner] = [...times].sort(([, a], [, b]) => a - b)
  return winner![0]
}
