/** The compute thread: runs tasks one step at a time, listening in between. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { LeaseId } from '../../protocol/messages.ts'
import { openWeights } from '../model/weight-file.ts'
import { createEngine, type Engine } from './engine.ts'
import type { Reader } from './reader.ts'
import { KERNELS, startKernels } from './start-kernels.ts'
import type {
  FromWorker,
  TaskName,
  Tasks,
  ToWorker,
  TrainInput,
  TrainOutput,
  WorkerData,
} from './task.ts'
import { startThreads, type ThreadPool } from './thread-pool.ts'

const port = parentPort!
const { control } = workerData as WorkerData
const { tiles } = startKernels()
const module = new WebAssembly.Module(readFileSync(KERNELS))
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
let pool: ThreadPool | null = null
const engine = createEngine(module, digestOf, {
  control,
  tiles,
  help: (work) => {
    void pool?.close()
    pool = startThreads({ ...work, module, control, tiles })
  },
})
let reader: Reader | null = null
let isHushed = false
const stopped = new Set<LeaseId>()
const abandoned = new Set<LeaseId>()

const handlers: {
  [K in TaskName]: (input: Tasks[K]['input'], id: number) => Promise<Tasks[K]['output']>
} = {
  'set-up': async ({ config, job, weights }) => {
    engine.setUp(config, job, weights)
    return null
  },
  'apply-update': async ({ config, adapter, update }) =>
    engine.applyUpdate(config, adapter, update),
  train: (input, id) => train(engine, input, id),
  evaluate: async (input) => {
    let lossSum = 0
    let targetTokens = 0
    for (const part of engine.evaluate(input)) {
      lossSum += part.lossSum
      targetTokens += part.targetTokens
      await turn()
    }
    return { lossSum, targetTokens }
  },
  aggregate: async (input) => engine.aggregate(input),
  'open-model': async ({ shape, weightsPath }) => {
    const weights = openWeights(weightsPath, shape.model)
    reader = engine.openReader(shape, weights)
    weights.close()
    return null
  },
  generate: async (input, id) => {
    const ids: number[] = []
    isHushed = false
    for (const token of opened().generate(input)) {
      if (token !== null) {
        ids.push(token)
        post({ type: 'token', id, token })
      }
      await turn()
      if (isHushed) break
    }
    return Int32Array.from(ids)
  },
  score: async (input) => {
    const losses: number[] = []
    const hits: number[] = []
    for (const part of opened().score(input)) {
      losses.push(...part.losses)
      hits.push(...part.hits)
      await turn()
    }
    return { losses: Float64Array.from(losses), hits: Uint8Array.from(hits) }
  },
  logits: async (input) => opened().logits(input),
}

const ABANDONED: TrainOutput = { status: 'failed', reason: 'the lease was abandoned' }

/**
 * Steps until all are done, the lease is stopped, after at least one step, or the training's name
 * is stopped through the control, in the middle of any.
 */
async function train(trainer: Engine, input: TrainInput, name: number): Promise<TrainOutput> {
  const { leaseId } = input
  const started = performance.now()
  let steps = 0
  for (const pause of trainer.train(input, name)) {
    if (pause.status === 'non-finite') {
      return { status: 'failed', reason: `a number in the ${pause.where} is not finite` }
    }
    if (pause.status === 'stopped') return ABANDONED
    steps = pause.progress.steps
    const stepMs = (performance.now() - started) / steps
    const loss = pause.progress.lossSum / Math.max(1, pause.progress.targetTokens)
    post({ type: 'step', leaseId, steps, stepMs, loss })
    await turn()
    if (abandoned.delete(leaseId)) return ABANDONED
    if (!stopped.delete(leaseId) && steps < input.steps) continue
    const { trace, targetTokens } = pause.progress
    const payload = trainer.payload(input)
    return {
      status: 'trained',
      ...{ steps, loss, payload, stepMs },
      tokens: targetTokens,
      trace: [...trace],
    }
  }
  return { status: 'failed', reason: 'the lease has no steps' }
}

function opened(): Reader {
  if (reader === null) throw new Error('Invariant broken: no model is open')
  return reader
}

function post(message: FromWorker): void {
  port.postMessage(message)
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'hush') {
    isHushed = true
    return
  }
  if (message.type !== 'task') {
    const told = message.type === 'stop' ? stopped : abandoned
    told.add(message.leaseId)
    return
  }
  const { id, name, input } = message
  const handle = handlers[name] as (
    given: unknown,
    id: number,
  ) => Promise<Tasks[TaskName]['output']>
  handle(input, id).then(
    (output) => post({ type: 'done', id, output }),
    (error: Error) => post({ type: 'error', id, message: error.message }),
  )
})
