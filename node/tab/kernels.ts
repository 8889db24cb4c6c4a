/** The compiled kernels, from where the page came from. */
import url from '../../kernels/build/kernels.wasm?url'

export function loadKernels(): Promise<WebAssembly.Module> {
  return WebAssembly.compileStreaming(fetch(url))
}
