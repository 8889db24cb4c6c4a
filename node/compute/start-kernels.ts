/**
 * The kernels of this process: widened where that is safe, in the tiles that are
 * fastest here, and with the bits that everybody gets.
 */
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { checkMachine, knownAnswers, TILES, type Tiles, tune } from '../../kernels/index.ts'
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
  const known = knownAnswers()
  const revectorised: Revectorised = widen
    ? revectorise(bytes, known)
    : { status: 'off', reason: 'it was not asked for' }
  const module = new WebAssembly.Module(bytes)
  const tiles = tilesOf(module)
  checkMachine(module, tiles, known)
  started = { revectorised, tiles }
  return started
}

/** How far the threads of a process are with their kernels, and the tiles as indices in TILES. */
const [STATE, FLOAT32, INT16] = [0, 1, 2]
const [UNKNOWN, STARTING, KNOWN] = [0, 1, 2]
/** A thread that was ended while others waited for it has told nothing. */
const WAIT_MS = 10_000

/** What the threads of a process tell each other of their kernels. */
export function newFindings(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(3 * 4))
}

/** Some thread of the process has started the kernels. */
export function areKnown(findings: Int32Array): boolean {
  return Atomics.load(findings, STATE) === KNOWN
}

/**
 * The tiles of this process. The first thread that asks starts the kernels, the others wait for it
 * and take over what it found.
 * @throws MachineError as `startKernels` does.
 */
export function sharedTiles(findings: Int32Array<SharedArrayBuffer>): Tiles {
  const before = Atomics.compareExchange(findings, STATE, UNKNOWN, STARTING)
  if (before === STARTING) Atomics.wait(findings, STATE, STARTING, WAIT_MS)
  if (areKnown(findings)) {
    const [float32, int16] = [TILES[findings[FLOAT32]!]!.name, TILES[findings[INT16]!]!.name]
    return { float32, int16 }
  }
  let state = UNKNOWN
  try {
    const { tiles } = startKernels()
    findings[FLOAT32] = TILES.findIndex(({ name }) => name === tiles.float32)
    findings[INT16] = TILES.findIndex(({ name }) => name === tiles.int16)
    state = KNOWN
    return tiles
  } finally {
    Atomics.store(findings, STATE, state)
    Atomics.notify(findings, STATE)
  }
}

/** V8 compiles what is run often while we wait, so that a busy machine compares no slow code. */
function tilesOf(module: WebAssembly.Module): Tiles {
  setFlagsFromString('--wasm-sync-tier-up')
  const tiles = tune(module, () => performance.now())
  setFlagsFromString('--no-wasm-sync-tier-up')
  return tiles
}
