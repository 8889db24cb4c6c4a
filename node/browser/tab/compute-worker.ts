/** The compute thread in a page. */

import {
  type Control,
  checkMachine,
  closeBoard,
  closeFeed,
  newControl,
  tune,
} from '../../../kernels/index.ts'
import { digestOf } from '../../../protocol/index.ts'
import { createEngine } from '../../compute/engine.ts'
import type { FeederData, HelperData } from '../../compute/help.ts'
import { createTaskServer } from '../../compute/serve-tasks.ts'
import type { ToWorker } from '../../compute/task.ts'
import { loadKernels } from './kernels.ts'
import './report-rejections.ts'
import { openAhead, openWeightBlob } from './weight-blob.ts'

/** The first message; null: this page may not share memory between threads. */
export interface ComputeStart {
  control: Control | null
}

async function start({ control }: ComputeStart): Promise<(message: ToWorker) => void> {
  const module = await loadKernels()
  const shared = control ?? newControl()
  const tiles = tune(module, () => performance.now())
  checkMachine(module, tiles)
  let release = () => {}
  const engine = createEngine(module, digestOf, openWeightBlob, {
    control: shared,
    tiles,
    canFeed: (file) => control !== null && file instanceof Blob,
    help: (work) => {
      release()
      const { feed, ...shared } = { ...work, module, tiles }
      const workers = Array.from({ length: work.job.threads - 1 }, (_, index) =>
        startHelper({ ...shared, thread: index + 1 }),
      )
      if (feed !== null) workers.push(startFeeder({ ...shared, ...feed }))
      release = () => {
        closeBoard(work.board)
        if (feed !== null) closeFeed(feed.feed)
        for (const worker of workers) worker.terminate()
      }
    },
  })
  return createTaskServer({
    engine,
    turn,
    post: (message) => postMessage(message),
  })
}

function startHelper(data: HelperData): Worker {
  // The bundler knows a worker by these very words.
  const worker = new Worker(new URL('./helper-worker.ts', import.meta.url), { type: 'module' })
  worker.postMessage(data)
  return worker
}

function startFeeder(data: FeederData): Worker {
  const worker = new Worker(new URL('./feeder-worker.ts', import.meta.url), { type: 'module' })
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

/** It never settles when the start fails, which is reported as an error of this worker. */
const started = Promise.withResolvers<(message: ToWorker) => void>()

/** All that came so far, one after the other. */
let heard: Promise<unknown> = started.promise

addEventListener('message', ({ data }: MessageEvent<ComputeStart | ToWorker>) => {
  if ('control' in data) start(data).then(started.resolve, reportError)
  else {
    heard = heard.then(async () => {
      const isOpening =
        data.type === 'task' && (data.name === 'set-up' || data.name === 'open-model')
      if (isOpening) await openAhead(data.input.weights)
      const hear = await started.promise
      hear(data)
    })
  }
})
