/** The kernels of this process: widened where that is safe, in the tiles that are fastest here. */
import { readFileSync } from 'node:fs'
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
 * To be called in the main thread before any other compiles the kernels; takes a third of a second
 * the first time. What it decides holds for the whole process.
 */
export function startKernels(): StartedKernels {
  if (started !== null) return started
  const bytes = new Uint8Array(readFileSync(KERNELS))
  const revectorised = revectorise(bytes)
  started = { revectorised, tiles: tilesOf(new WebAssembly.Module(bytes)) }
  return started
}

function tilesOf(module: WebAssembly.Module): Tiles {
  const memory = newSharedMemory(1)
  const inTiles = (tile: TileName) =>
    createWasmOps(module, memory, { tiles: { float32: tile, int16: tile } })
  return fastestTiles(inTiles, createArena(memory), () => performance.now())
}
