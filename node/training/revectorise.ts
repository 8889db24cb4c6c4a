/**
 * V8 can run pairs of 128-bit vector instructions as one of 256 bits, which nearly doubles the
 * speed of the kernels and changes no bit. The flag is experimental and process-wide: it is
 * switched on before any thread compiles the kernels, and only stays on when the
 * kernels, so compiled, give the reference's answers. Where the flag is unknown nothing changes.
 */
import { setFlagsFromString } from 'node:v8'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { firstDisagreement, PRODUCTS, ROWS } from '../../kernels/known-answers.ts'
import { createReferenceOps } from '../../kernels/ops-reference.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { TILES, type TileName } from '../../kernels/tile-template.ts'

const FLAG = 'experimental-wasm-revectorize'
/**
 * Node 24 and 26, where the golden jobs were run with it. V8 12 pairs so little that nothing gets
 * faster; of others nobody knows, and a V8 that fails to pair ends the process.
 */
const V8_MAJORS: readonly number[] = [13, 14]
const PAGES = 32
/** More than V8 needs to see of each op before it compiles it for good. */
const CALLS = 300

/** Whether vectors are paired from now on in code that this process compiles, and why not. */
export type Revectorised = { status: 'on' } | { status: 'off'; reason: string }

/** `kernels`: the bytes of the module. Call it once, before any thread compiles them. */
export function revectorise(kernels: Uint8Array<ArrayBuffer>): Revectorised {
  const v8Major = Number.parseInt(process.versions.v8 ?? '0', 10)
  if (!V8_MAJORS.includes(v8Major)) {
    return { status: 'off', reason: `V8 ${v8Major} is not known to pair vectors` }
  }
  setFlagsFromString(`--${FLAG}`)
  // Code is first compiled without pairs: functions are called until they are compiled again.
  setFlagsFromString('--wasm-sync-tier-up')
  const wrong = wrongAnswer(kernels)
  setFlagsFromString('--no-wasm-sync-tier-up')
  if (wrong === null) return { status: 'on' }
  setFlagsFromString(`--no-${FLAG}`)
  return { status: 'off', reason: `with paired vectors '${wrong}' has other bits` }
}

/** The first op, of any tile, whose bits are not the reference's. */
function wrongAnswer(kernels: Uint8Array<ArrayBuffer>): string | null {
  const module = new WebAssembly.Module(ownCopy(kernels))
  const memory = newSharedMemory(PAGES)
  const oracle = createReferenceOps(memory)
  const arena = createArena(memory)
  const inTiles = (tile: TileName) =>
    createWasmOps(module, memory, { tiles: { float32: tile, int16: tile } })
  for (const { name } of TILES) {
    const wrong = firstDisagreement(PRODUCTS, inTiles(name), oracle, arena, CALLS)
    if (wrong !== null) return `${wrong} in tiles of ${name}`
  }
  return firstDisagreement(ROWS, inTiles(TILES[0].name), oracle, arena, CALLS)
}

/**
 * V8 shares code between modules of the same bytes. With an empty custom section (binary format
 * 5.5.3) these are different ones: what is compiled under trial is not what the threads will run.
 */
function ownCopy(kernels: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(kernels.length + 3)
  copy.set(kernels)
  copy.set([0, 1, 0], kernels.length)
  return copy
}
