/** The compute thread in Node. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { openWeights } from '../model/weight-file.ts'
import { createEngine } from './engine.ts'
import { createTaskServer } from './serve-tasks.ts'
import { KERNELS, sharedTiles } from './start-kernels.ts'
import type { WorkerData } from './task.ts'
import { startThreads, type ThreadPool } from './thread-pool.ts'

const port = parentPort!
const { control, findings, kernels } = workerData as WorkerData
const tiles = sharedTiles(findings)
const module = kernels ?? new WebAssembly.Module(readFileSync(KERNELS))
let pool: ThreadPool | null = null

const engine = createEngine(module, (bytes) => createHash('sha256').update(bytes).digest('hex'), {
  control,
  tiles,
  help: (work) => {
    void pool?.close()
    pool = startThreads({ ...work, module, tiles })
  },
})

const hear = createTaskServer({
  engine,
  post: (message) => port.postMessage(message),
  turn,
  openWeights: async ({ shape, weights }) => {
    if (typeof weights === 'string') return openWeights(weights, shape.model)
    throw new Error('Invariant broken: in Node a model is opened by its path')
  },
})
port.on('message', hear)
