/** The compiled kernels, from where the page came from. */
import url from '../../../kernels/build/kernels.wasm?url'

/** Whole, not as a stream: that would need a server which knows the type of such files. */
export async function loadKernels(): Promise<WebAssembly.Module> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`Cannot fetch the kernels: ${response.status}`)
  return WebAssembly.compile(await response.arrayBuffer())
}
