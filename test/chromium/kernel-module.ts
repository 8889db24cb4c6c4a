/** Takes the place of test/kernels/kernel-module.ts in a browser. */
export const kernelModule = await WebAssembly.compileStreaming(fetch('/kernels.wasm'))
