/**
 * V8 can run pairs of 128-bit vector instructions as one of 256 bits, which nearly doubles the
 * speed of the kernels and changes no bit. The flag is experimental and process-wide: it is
 * switched on before any thread compiles the kernels, and only stays on when the
 * kernels, so compiled, give the reference's answers. Where the flag is unknown nothing changes.
 */
import { setFlagsFromString } from 'node:v8'
import { type Answers, TILES, wrongAnswer } from '../../kernels/index.ts'

const FLAG = 'experimental-wasm-revectorize'
/**
 * Node 24 and 26, where the golden jobs were run with it. V8 12 pairs so little that nothing gets
 * faster; of others nobody knows, and a V8 that fails to pair ends the process.
 */
const V8_MAJORS: readonly number[] = [13, 14]
/** More than V8 needs to see of each op before it compiles it for good. */
const CALLS = 300

/** Whether vectors are paired from now on in code that this process compiles, and why not. */
export type Revectorised = { status: 'on' } | { status: 'off'; reason: string }

/**
 * Call it once, before any thread compiles the kernels.
 * @param kernels the bytes of the module
 * @param known what they must answer
 */
export function revectorise(
  kernels: Uint8Array<ArrayBuffer>,
  known: Answers,
  { arch, versions }: Pick<NodeJS.Process, 'arch' | 'versions'> = process,
): Revectorised {
  // Elsewhere V8 says on stderr that it does not know the flag, and goes on.
  if (arch !== 'x64') return { status: 'off', reason: `V8 does not pair vectors on ${arch}` }
  const v8Major = Number.parseInt(versions.v8 ?? '0', 10)
  if (!V8_MAJORS.includes(v8Major)) {
    return { status: 'off', reason: `V8 ${v8Major} is not known to pair vectors` }
  }
  setFlagsFromString(`--${FLAG}`)
  // Code is first compiled without pairs: functions are called until they are compiled again.
  setFlagsFromString('--wasm-sync-tier-up')
  const everyTile = TILES.map(({ name }) => ({ float32: name, int16: name }))
  const wrong = wrongAnswer(new WebAssembly.Module(ownCopy(kernels)), everyTile, CALLS, known)
  setFlagsFromString('--no-wasm-sync-tier-up')
  if (wrong === null) return { status: 'on' }
  setFlagsFromString(`--no-${FLAG}`)
  return { status: 'off', reason: `with paired vectors '${wrong}' has other bits` }
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
