/** The compute thread: runs tasks one step at a time, listening in between. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import type { LeaseId } from '../../protocol/messages.ts'
import { createEngine, type Engine } from './engine.ts'
import type { FromWorker, TaskName, Tasks, ToWorker, TrainInput, TrainOutput } from './task.ts'

const KERNELS = new URL('../../kernels/build/kernels.wasm', import.meta.url)

const port = parentPort!
const engine = createEngine(new WebAssembly.Module(readFileSync(KERNELS)), (bytes) =>
  createHash('sha256').update(bytes).digest('hex'),
)
const stopped = new Set<LeaseId>()

const handlers: { [K in TaskName]: (input: Tasks[K]['input']) => Promise<Tasks[K]['output']> } = {
  'set-up': async ({ config, weights }) => {
    engine.setUp(config, weights)
    return null
  },
  'apply-update': async ({ config, adapter, update }) =>
    engine.applyUpdate(config, adapter, update),
  train: (input) => train(engine, input),
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
  generate: async (input) => {
    const ids: number[] = []
    for (const id of engine.generate(input)) {
      ids.push(id)
      await turn()
    }
    return Int32Array.from(ids)
  },
}

/** Steps until all are done or the lease is stopped; at least one step is always done. */
async function train(trainer: Engine, input: TrainInput): Promise<TrainOutput> {
  const { leaseId } = input
  const started = performance.now()
  let steps = 0
  for (const pause of trainer.train(input)) {
    if (pause.status === 'non-finite') {
      return { status: 'failed', reason: `a number in the ${pause.where} is not finite` }
    }
    if (pause.status === 'stopped') return { status: 'failed', reason: 'the lease was abandoned' }
    steps = pause.progress.steps
    const stepMs = (performance.now() - started) / steps
    const loss = pause.progress.lossSum / Math.max(1, pause.progress.targetTokens)
    post({ type: 'step', leaseId, steps, stepMs, loss })
    await turn()
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

function post(message: FromWorker): void {
  port.postMessage(message)
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'stop') {
    stopped.add(message.leaseId)
    return
  }
  const { id, name, input } = message
  const handle = handlers[name] as (given: unknown) => Promise<Tasks[TaskName]['output']>
  handle(input).then(
    (output) => post({ type: 'done', id, output }),
    (error: Error) => post({ type: 'error', id, message: error.message }),
  )
})
