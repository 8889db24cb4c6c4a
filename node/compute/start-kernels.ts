/**
 * The kernels of this process: widened where that is safe, in the tiles that are
 * fastest here, and with the bits that everybody gets.
 */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { checkMachine, type Tiles, tune } from '../../kernels/index.ts'
import { type Revectorised, revectorise } from './revectorise.ts'

export const KERNELS = new URL('../../kernels/build/kernels.wasm', import.meta.url)

export interface StartedKernels {
  revectorised: Revectorised
  tiles: Tiles
}

let started: StartedKernels | null = null

/**
 * Call it before the kernels are compiled to be used. It takes a third of a second the first
 * time, so not in the main thread. What it decides about V8 holds for the whole process. `widen`
 * false: V8 is left as it is.
 * @throws MachineError where the kernels do not give the bits that everybody else gets.
 */
export function startKernels(widen = true): StartedKernels {
  if (started !== null) return started
  const bytes = new Uint8Array(readFileSync(KERNELS))
  const revectorised: Revectorised = widen
    ? revectorise(bytes)
    : { status: 'off', reason: 'it was not asked for' }
  const module = new WebAssembly.Module(bytes)
  const tiles = tilesOf(module)
  checkMachine(module, tiles)
  started = { revectorised, tiles }
  return started
}

/** V8 compiles what is run often while we wait, so that a busy machine compares no slow code. */
function tilesOf(module: WebAssembly.Module): Tiles {
  setFlagsFromString('--wasm-sync-tier-up')
  const tiles = tune(module, () => performance.now())
  setFlagsFromString('--no-wasm-sync-tier-up')
  return tiles
}
