/** What a compute thread does: runs tasks one step at a time, listening in between. */
import type { LeaseId } from '../../protocol/messages.ts'
import type { BaseWeights } from '../model/base-weights.ts'
import type { Engine, OpenMerge } from './engine.ts'
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

const NO_STEP: TrainOutput = { status: 'failed', reason: 'the lease was ended before a step' }

/** Returns what hears the messages of the main thread. */
export function createTaskServer(platform: TaskPlatform): (message: ToWorker) => void {
  const { engine, post, turn } = platform
  let reader: Reader | null = null
  let merge: OpenMerge | null = null
  let isHushed = false
  /** Leases whose training is to end, by how. */
  const ending = { stop: new Set<LeaseId>(), cut: new Set<LeaseId>(), abandon: new Set<LeaseId>() }

  function opened<T>(thing: T | null, name: string): T {
    if (thing === null) throw new Error(`Invariant broken: no ${name} is open`)
    return thing
  }

  /**
   * Steps until all are done or the lease is ended: with a message between two steps, through the
   * control in the middle of one, which then counts for nothing.
   */
  async function train(input: TrainInput, name: number): Promise<TrainOutput> {
    const { leaseId } = input
    const started = performance.now()
    let done: Omit<Extract<TrainOutput, { status: 'trained' }>, 'payload'> | null = null
    if (ending.cut.delete(leaseId)) return NO_STEP
    for (const pause of engine.train(input, name)) {
      if (pause.status === 'non-finite') {
        return { status: 'failed', reason: `a number in the ${pause.where} is not finite` }
      }
      if (pause.status === 'ok') {
        const { steps, lossSum, targetTokens, trace } = pause.progress
        const stepMs = (performance.now() - started) / steps
        const loss = lossSum / Math.max(1, targetTokens)
        done = { status: 'trained', steps, tokens: targetTokens, loss, trace: [...trace], stepMs }
        post({ type: 'step', leaseId, steps, stepMs, loss })
      }
      await turn()
      if (ending.abandon.delete(leaseId)) return NO_STEP
      const isAsked = ending.stop.delete(leaseId) || ending.cut.delete(leaseId)
      if (isAsked || pause.status === 'stopped' || done?.steps === input.steps) break
    }
    return done === null ? NO_STEP : { ...done, payload: engine.payload(input) }
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
    measure: async ({ config, payload }) => engine.measure(config, payload),
    'open-merge': async (input) => {
      merge = engine.openMerge(input)
      return null
    },
    'add-payloads': async (payloads) => {
      opened(merge, 'merge').add(payloads)
      return null
    },
    'close-merge': async () => {
      const output = opened(merge, 'merge').close()
      merge = null
      return output
    },
    'open-model': async (input) => {
      const weights = await platform.openWeights(input)
      reader = engine.openReader(input.shape, weights)
      weights.close()
      return null
    },
    generate: async (input, id) => {
      const ids: number[] = []
      isHushed = false
      for (const token of opened(reader, 'model').generate(input)) {
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
      for (const part of opened(reader, 'model').score(input)) {
        losses.push(...part.losses)
        hits.push(...part.hits)
        await turn()
      }
      return { losses: Float64Array.from(losses), hits: Uint8Array.from(hits) }
    },
    logits: async (input) => opened(reader, 'model').logits(input),
  }

  return (message) => {
    if (message.type === 'hush') {
      isHushed = true
      return
    }
    if (message.type !== 'task') {
      ending[message.type].add(message.leaseId)
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
