/** The compute thread in a page. */
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { type Control, newControl } from '../../kernels/control.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { closeBoard } from '../../kernels/threads.ts'
import type { TileName, Tiles } from '../../kernels/tile-template.ts'
import { fastestTiles } from '../../kernels/tune.ts'
import { digestOf } from '../../protocol/digest.ts'
import { createEngine } from '../training/engine.ts'
import type { HelperData } from '../training/help.ts'
import { createTaskServer } from '../training/serve-tasks.ts'
import type { ToWorker } from '../training/task.ts'
import { loadKernels } from './kernels.ts'
import { openWeightBlob } from './weight-blob.ts'

/** The first message; null: this page may not share memory between threads. */
export interface ComputeStart {
  control: Control | null
}

async function start({ control }: ComputeStart): Promise<(message: ToWorker) => void> {
  const module = await loadKernels()
  const shared = control ?? newControl()
  const tiles = tilesOf(module)
  let release = () => {}
  const engine = createEngine(module, digestOf, {
    control: shared,
    tiles,
    help: (work) => {
      release()
      const helpers = Array.from({ length: work.job.threads - 1 }, (_, index) =>
        startHelper({ ...work, module, tiles, thread: index + 1 }),
      )
      release = () => {
        closeBoard(work.board)
        for (const helper of helpers) helper.terminate()
      }
    },
  })
  return createTaskServer({
    ...{ engine, turn },
    post: (message) => postMessage(message),
    openWeights: async ({ shape, weights }) => openWeightBlob(weights, shape.model),
  })
}

function tilesOf(module: WebAssembly.Module): Tiles {
  const memory = newSharedMemory(1)
  const inTiles = (tile: TileName) =>
    createWasmOps(module, memory, { tiles: { float32: tile, int16: tile } })
  return fastestTiles(inTiles, createArena(memory), () => performance.now())
}

function startHelper(data: HelperData): Worker {
  // The bundler knows a worker by these very words.
  const worker = new Worker(new URL('./helper-worker.ts', import.meta.url), { type: 'module' })
  worker.postMessage(data)
  return worker
}

const { port1, port2 } = new MessageChannel()
let next = () => {}
port1.onmessage = () => next()

/** A turn of the event loop; a timer would wait for milliseconds. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    next = resolve
    port2.postMessage(null)
  })
}

const started = Promise.withResolvers<(message: ToWorker) => void>()

addEventListener('message', ({ data }: MessageEvent<ComputeStart | ToWorker>) => {
  if ('control' in data) started.resolve(start(data))
  else void started.promise.then((hear) => hear(data))
})
