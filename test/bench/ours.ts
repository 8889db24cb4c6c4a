/**
 * Ours, as a contestant. Arguments: `wide` or `narrow`, whether V8 may pair vectors; `f32`, `int16`
 * or `int8`, how the frozen base is stored and multiplied, the last being int8 that is dequantised;
 * and a number of threads.
 */
import { readFileSync } from 'node:fs'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { weightBytes } from '../../kernels/frozen.ts'
import type { FrozenWeight, Ops } from '../../kernels/ops.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { fitMemory } from '../../kernels/plan.ts'
import type { ModelShape } from '../../kernels/shape.ts'
import { newBoard } from '../../kernels/threads.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
import { KERNELS, startKernels } from '../../node/compute/start-kernels.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { type GemmTask, type StepTask, serveTasks, type Work } from './contestant.ts'
import { jobOf } from './shapes.ts'

const [width, kind, threadsText] = process.argv.slice(2)
const threads = Number(threadsText)
const storage = kind === 'f32' ? 'float32' : 'int8'
const path = kind === 'int16' ? 'int16' : 'float32'
const { tiles } = startKernels(width === 'wide')
const module = new WebAssembly.Module(readFileSync(KERNELS))

await serveTasks(async (task) => {
  if (task.task === 'gemm') return product(task)
  return task.task === 'step' ? step(task) : start()
})

function room() {
  const memory = newSharedMemory(16)
  return { memory, ops: createWasmOps(module, memory, { tiles }), arena: createArena(memory) }
}

function product({ form, M, N, K }: GemmTask): Work {
  const { memory, ops, arena } = room()
  const [outputs, inputs] = form === 'nt' ? [N, K] : [K, N]
  const bytes = weightBytes(storage, outputs, inputs)
  const weight: FrozenWeight = {
    kind: storage,
    outputs,
    inputs,
    values: arena.allocate('weight', bytes.values),
    scales: arena.allocate('scales', bytes.scales),
  }
  const source = arena.allocate('source', 4 * outputs * inputs)
  const from = arena.allocate('from', 4 * M * K)
  const to = arena.allocate('to', 4 * M * N)
  new Float32Array(memory.buffer, source, outputs * inputs).set(uniform(outputs * inputs, 1))
  new Float32Array(memory.buffer, from, M * K).set(uniform(M * K, 1))
  ops.storeWeight(weight, source)
  const multiply = form === 'nt' ? ops.frozenForward : ops.frozenBackward
  return { run: () => multiply(to, from, weight, M, path, false) }
}

/** What a process does first, once the kernels are tuned. */
function start(): Work {
  const { run } = product({ task: 'gemm', form: 'nt', M: 512, N: 576, K: 576 })
  const products = Array.from({ length: 50 }, () => {
    const before = performance.now()
    void run()
    return (performance.now() - before) / 1e3
  })
  return { run, answer: () => ({ products }) }
}

function step(task: StepTask): Work {
  const { memory, ops, arena } = room()
  const clock: Clock = { otherThanProducts: 0, longestOperation: 0 }
  const job = fitted({ ...jobOf(task), threads, kernels: { base: storage, path } }, task)
  const { model } = job
  const crew = { board: newBoard(), feed: null, isStopping: () => false }
  const trainer = createTrainer(clocked(ops, clock), arena, job, randomWeights(model), crew)
  const { place } = trainer
  const shared = { module, memory, tiles, board: crew.board, job, place, feed: null }
  if (threads > 1) startThreads(shared)
  const tokens = Int32Array.from(
    { length: task.sequences * task.sequenceLength },
    (_, i) => (i * 7919) % model.vocabSize,
  )
  return {
    run: () => {
      Object.assign(clock, { otherThanProducts: 0, longestOperation: 0 })
      const outcome = trainer.localStep({ tokens, targets: tokens }, 1e-4)
      if (outcome.status !== 'ok') throw new Error(`The step ended as ${outcome.status}`)
    },
    answer: () => ({ ...clock }),
  }
}

/** Matrices of ±0.04, norms of 1. */
function randomWeights(model: ModelShape): WeightSource {
  const shapes = new Map(weightTensors(model).map(({ name, shape }) => [name, shape]))
  return {
    tensor(name) {
      const shape = shapes.get(name)!
      const count = shape.reduce((product, size) => product * size, 1)
      const values = shape.length === 1 ? new Float32Array(count).fill(1) : uniform(count, 0.04)
      return { shape, values }
    },
  }
}

function fitted(job: JobShape, { memoryBytesMax }: StepTask): JobShape {
  if (memoryBytesMax === undefined) return job
  const fit = fitMemory(job, memoryBytesMax)
  if (fit.status === 'fits') return fit.shape
  throw new Error(`The job takes ${fit.bytes} bytes at least`)
}

interface Clock {
  otherThanProducts: number
  longestOperation: number
}

/** Adds up the seconds of operations that are no products, and keeps the longest of all. */
function clocked(ops: Ops, clock: Clock): Ops {
  const products = new Set(['gemm', 'frozenForward', 'frozenBackward'])
  const entries = Object.entries(ops).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'function') return [name, value]
    const isProduct = products.has(name)
    const run = (...args: unknown[]) => {
      const before = performance.now()
      const result = value(...args)
      const seconds = (performance.now() - before) / 1e3
      if (!isProduct) clock.otherThanProducts += seconds
      clock.longestOperation = Math.max(clock.longestOperation, seconds)
      return result
    }
    return [name, run]
  })
  return Object.fromEntries(entries)
}

/** Numbers of ±amplitude. */
function uniform(count: number, amplitude: number): Float32Array {
  const values = new Float32Array(count)
  let word = 1
  for (let i = 0; i < count; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) | 0
    values[i] = (word / 2 ** 31) * amplitude
  }
  return values
}
