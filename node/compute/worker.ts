/** The compute thread in Node. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { openBlobWeights } from '../model/weight-file.ts'
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

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const engine = createEngine(module, digestOf, openBlobWeights, {
  control,
  tiles,
  canFeed: (file) => typeof file === 'string',
  help: (work) => {
    void pool?.close()
    pool = startThreads({ ...work, module, tiles })
  },
})

const hear = createTaskServer({
  engine,
  post: (message) => port.postMessage(message),
  turn,
})
port.on('message', hear)
