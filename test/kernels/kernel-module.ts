/** The compiled kernels. A browser's tests put a file of their own in the place of this one. */
import { readFileSync } from 'node:fs'

const WASM = new URL('../../kernels/build/kernels.wasm', import.meta.url)

export const kernelModule = new WebAssembly.Module(readFileSync(WASM))
