/** Takes the place of test/kernels/kernel-module.ts in a plain script. */
import kernels from '../../kernels/build/kernels.wasm'

export const kernelModule = new WebAssembly.Module(kernels)
