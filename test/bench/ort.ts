/**
 * onnxruntime-web as a contestant: one thread of WebAssembly, and a model of one MatMul whose
 * weight is a constant, so that it packs it once and ahead.
 */
import { createRequire } from 'node:module'
import { serveTasks } from './contestant.ts'

/** The little of its interface that is used. */
interface Ort {
  env: { wasm: { numThreads: number } }
  InferenceSession: { create(model: Uint8Array): Promise<Session> }
  Tensor: new (type: 'float32', data: Float32Array, dims: number[]) => object
}
interface Session {
  run(feeds: Record<string, object>): Promise<unknown>
}

const ort = createRequire(import.meta.url)('onnxruntime-web') as Ort
ort.env.wasm.numThreads = 1

await serveTasks(async (task) => {
  if (task.task !== 'gemm') throw new Error('onnxruntime-web runs products only')
  const { M, N, K } = task
  const session = await ort.InferenceSession.create(matMulModel(M, N, K))
  const a = new ort.Tensor('float32', new Float32Array(M * K).fill(0.5), [M, K])
  return {
    run: async () => {
      await session.run({ a })
    },
  }
})

/** c (M,N) = a (M,K) · b (K,N), as an ONNX ModelProto; field numbers are those of onnx.proto. */
function matMulModel(M: number, N: number, K: number): Uint8Array {
  const weight = new Uint8Array(new Float32Array(K * N).fill(0.25).buffer)
  const [name, float32] = [(text: string) => Buffer.from(text), 1]
  const node = [field(1, name('a')), field(1, name('b')), field(2, name('c'))]
  const b = [field(1, K), field(1, N), field(2, float32), field(8, name('b')), field(9, weight)]
  const graph = [
    field(1, join([...node, field(4, name('MatMul'))])),
    field(2, name('product')),
    field(5, join(b)),
    field(11, tensorInfo('a', [M, K])),
    field(12, tensorInfo('c', [M, N])),
  ]
  return join([field(1, 8), field(8, field(2, 13)), field(7, join(graph))])

  function tensorInfo(tensor: string, sizes: number[]): Uint8Array {
    const shape = join(sizes.map((size) => field(1, field(1, size))))
    const type = field(1, join([field(1, float32), field(2, shape)]))
    return join([field(1, name(tensor)), field(2, type)])
  }
}

/** A field of a protocol buffer: a number as a varint, bytes with their length before them. */
function field(number: number, value: number | Uint8Array): Uint8Array {
  if (typeof value === 'number') return join([varint(number << 3), varint(value)])
  return join([varint((number << 3) | 2), varint(value.length), value])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 127) | 128)
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
