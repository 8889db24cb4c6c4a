/** The compiled kernels with one bit turned, in the exponential's log2 e. */
import { readFileSync } from 'node:fs'

const WASM = new URL('../../kernels/build/kernels.wasm', import.meta.url)

export function spoiledKernels(): Uint8Array<ArrayBuffer> {
  const bytes = Uint8Array.from(readFileSync(WASM))
  const constant = new Uint8Array(Float32Array.of(Math.LOG2E).buffer)
  const at = bytes.findIndex((_, i) => constant.every((byte, k) => bytes[i + k] === byte))
  bytes[at + 2]! ^= 1
  return bytes
}
