/** What a compute thread does: runs tasks one step at a time, listening in between. */
import type { LeaseId } from '../../protocol/messages.ts'
import type { BaseWeights } from '../model/base-weights.ts'
import type { Engine } from './engine.ts'
import type { Reader } from './reader.ts'
import type {
  FromWorker,
  ModelInput,
  TaskName,
  Tasks,
  ToWorker,
  TrainInput,
  TrainOutput,
} from './task.ts'

export interface TaskPlatform {
  engine: Engine
  post(message: FromWorker): void
  /** Lets messages that are waiting be heard. */
  turn(): Promise<void>
  openWeights(input: ModelInput): Promise<BaseWeights & { close(): void }>
}

type Handlers = {
  [K in TaskName]: (input: Tasks[K]['input'], id: number) => Promise<Tasks[K]['output']>
}

const ABANDONED: TrainOutput = { status: 'failed', reason: 'the lease was abandoned' }

/** Returns what hears the messages of the main thread. */
export function createTaskServer(platform: TaskPlatform): (message: ToWorker) => void {
  const { engine, post } = platform
  let reader: Reader | null = null
  let isHushed = false
  let pause = Promise.withResolvers<void>()
  pause.resolve()
  const stopped = new Set<LeaseId>()
  const abandoned = new Set<LeaseId>()

  async function turn(): Promise<void> {
    await platform.turn()
    await pause.promise
  }

  function opened(): Reader {
    if (reader === null) throw new Error('Invariant broken: no model is open')
    return reader
  }

  /**
   * Steps until all are done, the lease is stopped, after at least one step, or the training's name
   * is stopped through the control, in the middle of any.
   */
  async function train(input: TrainInput, name: number): Promise<TrainOutput> {
    const { leaseId } = input
    const started = performance.now()
    let steps = 0
    for (const pause of engine.train(input, name)) {
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
      const payload = engine.payload(input)
      return {
        status: 'trained',
        ...{ steps, loss, payload, stepMs },
        tokens: targetTokens,
        trace: [...trace],
      }
    }
    return { status: 'failed', reason: 'the lease has no steps' }
  }

  const handlers: Handlers = {
    'set-up': async ({ config, job, weights }) => {
      engine.setUp(config, job, weights)
      return null
    },
    'apply-update': async ({ config, adapter, update }) =>
      engine.applyUpdate(config, adapter, update),
    train,
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
    'open-model': async (input) => {
      const weights = await platform.openWeights(input)
      reader = engine.openReader(input.shape, weights)
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

  return (message) => {
    if (message.type === 'hush') {
      isHushed = true
      return
    }
    if (message.type === 'resume') return pause.resolve()
    if (message.type === 'pause') {
      pause.resolve()
      pause = Promise.withResolvers()
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
  }
}
