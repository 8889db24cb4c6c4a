/** TensorFlow.js on its WebAssembly backend as a contestant: one thread, nothing transposed. */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { serveTasks } from './contestant.ts'

/** The little of its interface that is used. */
interface Tensor {
  dispose(): void
}
interface Tf {
  setBackend(name: string): Promise<boolean>
  env(): { set(flag: string, value: boolean): void }
  fill(shape: number[], value: number): Tensor
  matMul(a: Tensor, b: Tensor): Tensor
}
interface WasmBackend {
  setWasmPaths(folder: string): void
}

const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs-core') as Tf
const backend = require('@tensorflow/tfjs-backend-wasm') as WasmBackend
backend.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
await tf.setBackend('wasm')

await serveTasks(async (task) => {
  if (task.task !== 'gemm') throw new Error('tfjs runs products only')
  const { M, N, K } = task
  const [a, b] = [tf.fill([M, K], 0.5), tf.fill([K, N], 0.25)]
  return { run: () => tf.matMul(a, b).dispose() }
})
