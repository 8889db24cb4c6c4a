/**
 * V8 can run pairs of 128-bit vector instructions as one of 256 bits, which nearly doubles the speed
 * of the kernels and changes no bit. The flag is experimental and process-wide: it is switched on in
 * the main thread before any thread compiles the kernels, and only stays on when the kernels, so
 * compiled, give the reference's answers. Where the flag is unknown nothing changes.
 */
import { setFlagsFromString } from 'node:v8'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { firstDisagreement } from '../../kernels/known-answers.ts'
import { createReferenceOps } from '../../kernels/ops-reference.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { TILES } from '../../kernels/tile-template.ts'

const FLAG = 'experimental-wasm-revectorize'
const PAGES = 32

/** Whether vectors are paired from now on in code that this process compiles, and why not. */
export type Revectorised = { status: 'on' } | { status: 'off'; reason: string }

/** `kernels`: the bytes of the module. Call it once, before a thread compiles them. */
export function revectorise(kernels: Uint8Array<ArrayBuffer>): Revectorised {
  if (process.versions.v8 === undefined) return { status: 'off', reason: 'the engine is not V8' }
  setFlagsFromString(`--${FLAG}`)
  // The optimising compiler at once, as the other one knows no pairs.
  setFlagsFromString('--no-liftoff')
  const wrong = wrongAnswer(kernels)
  setFlagsFromString('--liftoff')
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
  for (const { name } of TILES) {
    const ops = createWasmOps(module, memory, { tiles: { float32: name, int16: name } })
    const wrong = firstDisagreement(ops, oracle, arena)
    if (wrong !== null) return wrong
  }
  return null
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
