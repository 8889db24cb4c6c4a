/** The kernels of this process: widened where that is safe, in the tiles that are fastest here. */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import type { TileName, Tiles } from '../../kernels/tile-template.ts'
import { fastestTiles } from '../../kernels/tune.ts'
import { type Revectorised, revectorise } from './revectorise.ts'

export const KERNELS = new URL('../../kernels/build/kernels.wasm', import.meta.url)

export interface StartedKernels {
  revectorised: Revectorised
  tiles: Tiles
}

let started: StartedKernels | null = null

/**
 * To be called before the kernels are compiled to be used; takes a third of a second the first
 * time, so not in the main thread. What it decides about V8 holds for the whole process. `widen`
 * false: V8 is left as it is.
 */
export function startKernels(widen = true): StartedKernels {
  if (started !== null) return started
  const bytes = new Uint8Array(readFileSync(KERNELS))
  const revectorised: Revectorised = widen
    ? revectorise(bytes)
    : { status: 'off', reason: 'it was not asked for' }
  started = { revectorised, tiles: tilesOf(new WebAssembly.Module(bytes)) }
  return started
}

/** V8 compiles what is run often while we wait, so that a busy machine compares no slow code. */
function tilesOf(module: WebAssembly.Module): Tiles {
  const memory = newSharedMemory(1)
  const inTiles = (tile: TileName) =>
    createWasmOps(module, memory, { tiles: { float32: tile, int16: tile } })
  setFlagsFromString('--wasm-sync-tier-up')
  const tiles = fastestTiles(inTiles, createArena(memory), () => performance.now())
  setFlagsFromString('--no-wasm-sync-tier-up')
  return tiles
}
