/** What a compute thread does: runs tasks one step at a time, listening in between. */
import {
  addEvaluation,
  type Evaluation,
  type JobPause,
  type JobProgress,
} from '../../kernels/index.ts'
import { type LeaseId, LOSS_MAX } from '../../protocol/index.ts'
import type { Engine, OpenCorrection, OpenMerge } from './engine.ts'
import type { Reader } from './reader.ts'
import type {
  FromWorker,
  GenerateInput,
  ScoreInput,
  ScoreOutput,
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
}

/** What one task leaves to the next, and what was heard while one ran. */
interface TaskServer extends TaskPlatform {
  reader: Reader | null
  merge: OpenMerge | null
  correction: OpenCorrection | null
  /** The text that is being written is to end. */
  isWritingStopped: boolean
  /** Resolves when nobody uses the trainer any more, of those who asked for it so far. */
  trainerFree: Promise<void>
  /** Leases whose training is to end, by how. */
  ending: Record<'stop' | 'cut' | 'abandon', Set<LeaseId>>
}

/** Returns what hears the messages of the main thread. */
export function createTaskServer(platform: TaskPlatform): (message: ToWorker) => void {
  const server: TaskServer = {
    ...platform,
    reader: null,
    merge: null,
    correction: null,
    isWritingStopped: false,
    trainerFree: Promise.resolve(),
    ending: { stop: new Set(), cut: new Set(), abandon: new Set() },
  }
  return (message) => hear(server, message)
}

function hear(server: TaskServer, message: ToWorker): void {
  switch (message.type) {
    case 'task':
      return runTask(server, message)
    case 'stop-writing':
      server.isWritingStopped = true
      return
    default:
      server.ending[message.type].add(message.leaseId)
  }
}

type Handlers = {
  [K in TaskName]: (
    server: TaskServer,
    input: Tasks[K]['input'],
    id: number,
  ) => Tasks[K]['output'] | Promise<Tasks[K]['output']>
}

const HANDLERS: Handlers = {
  'set-up': ({ engine }, { config, job, weights }) => {
    engine.setUp(config, job, weights)
    return null
  },
  'apply-update': ({ engine }, { config, adapter, update }) =>
    engine.applyUpdate(config, adapter, update),
  train,
  evaluate,
  measure: ({ engine }, { config, payload }) => engine.measure(config, payload),
  'open-correction': (server, input) => {
    server.correction = server.engine.openCorrection(input)
    return server.correction.passes
  },
  'subtract-payloads': ({ correction }, payloads) => {
    opened(correction, 'correction').add(payloads)
    return null
  },
  'close-correction': (server) => {
    const output = opened(server.correction, 'correction').close()
    server.correction = null
    return output
  },
  'open-merge': (server, input) => {
    server.merge = server.engine.openMerge(input)
    return server.merge.passes
  },
  'add-payloads': ({ merge }, payloads) => {
    opened(merge, 'merge').add(payloads)
    return null
  },
  'close-merge': (server) => {
    const output = opened(server.merge, 'merge').close()
    server.merge = null
    return output
  },
  'open-model': (server, { shape, weights, bytesMax }) => {
    server.reader = server.engine.openReader(shape, weights, bytesMax)
    return null
  },
  generate,
  score,
  logits: ({ reader }, input) => opened(reader, 'model').logits(input),
}

/**
 * What has an adapter in the trainer while it listens in between: one after the other, as another's
 * adapter in the middle of it would make its numbers wrong.
 */
const ON_TRAINER: ReadonlySet<TaskName> = new Set(['set-up', 'train', 'evaluate'])

function runTask(server: TaskServer, message: Extract<ToWorker, { type: 'task' }>): void {
  const { id, name, input } = message
  // The compiler cannot see that an input of this name goes with the handler of this name.
  const handle = HANDLERS[name] as (
    server: TaskServer,
    given: unknown,
    id: number,
  ) => Tasks[TaskName]['output']
  const done = (ON_TRAINER.has(name) ? server.trainerFree : Promise.resolve())
    .then(() => handle(server, input, id))
    .then(
      (output) => server.post({ type: 'done', id, output }),
      (error: Error) => server.post({ type: 'error', id, message: error.message }),
    )
  if (ON_TRAINER.has(name)) server.trainerFree = done
}

function opened<T>(thing: T | null, name: string): T {
  if (thing === null) throw new Error(`Invariant broken: no ${name} is open`)
  return thing
}

type Trained = Omit<Extract<TrainOutput, { status: 'trained' }>, 'payload'>

/**
 * Steps until all are done or the lease is ended: with a message between two steps, through the
 * control in the middle of one, which then counts for nothing. A step that comes to nothing ends it
 * with those before it.
 */
async function train(server: TaskServer, input: TrainInput, name: number): Promise<TrainOutput> {
  const { engine, post, turn, ending } = server
  const { leaseId } = input
  const started = performance.now()
  const waited = engine.waitedMs()
  let done: Trained | null = null
  if (ending.cut.delete(leaseId) || ending.abandon.delete(leaseId)) return { status: 'empty' }
  for (const pause of engine.train(input, name)) {
    const fault = faultOf(pause)
    if (fault !== null) return trainBefore(server, input, name, done, fault)
    if (pause.status === 'ok') {
      const { steps, targetTokens, trace } = pause.progress
      const stepMs = (performance.now() - started) / steps
      const loss = meanLoss(pause.progress)
      done = {
        status: 'trained',
        steps,
        tokens: targetTokens,
        loss,
        trace: [...trace],
        stepMs,
        failure: null,
      }
      const waitMs = (engine.waitedMs() - waited) / steps
      post({ type: 'step', leaseId, steps, stepMs, waitMs, loss })
    }
    await turn()
    if (ending.abandon.delete(leaseId)) return { status: 'empty' }
    const isAsked = ending.stop.delete(leaseId) || ending.cut.delete(leaseId)
    if (isAsked || pause.status === 'stopped' || done?.steps === input.steps) break
  }
  return done === null ? { status: 'empty' } : { ...done, payload: engine.payload(input) }
}

/** Why a step came to nothing; null: it did not. */
function faultOf(pause: JobPause): string | null {
  if (pause.status === 'non-finite') return `a number in the ${pause.where} is not finite`
  const isAbove = pause.status === 'ok' && meanLoss(pause.progress) > LOSS_MAX
  return isAbove ? `the loss is above ${LOSS_MAX}` : null
}

const meanLoss = ({ lossSum, targetTokens }: JobProgress): number =>
  lossSum / Math.max(1, targetTokens)

/**
 * The steps that were done before one that came to nothing. They are done once more, as that one
 * may have spoiled the trainer's state; it is rare, and the same steps give the same bytes.
 */
async function trainBefore(
  server: TaskServer,
  input: TrainInput,
  name: number,
  done: Trained | null,
  reason: string,
): Promise<TrainOutput> {
  if (done === null) return { status: 'failed', reason }
  const output = await train(server, { ...input, steps: done.steps }, name)
  const failure = `step ${done.steps + 1} of ${input.steps}: ${reason}`
  return output.status === 'trained' ? { ...output, failure } : output
}

async function evaluate(
  { engine, turn }: TaskServer,
  input: Tasks['evaluate']['input'],
): Promise<Tasks['evaluate']['output']> {
  const sums: Evaluation = { lossSum: 0, targetTokens: 0 }
  for (const part of engine.evaluate(input)) {
    addEvaluation(sums, part)
    await turn()
  }
  return sums
}

async function generate(server: TaskServer, input: GenerateInput, id: number): Promise<Int32Array> {
  const ids: number[] = []
  server.isWritingStopped = false
  for (const token of opened(server.reader, 'model').generate(input)) {
    if (token !== null) {
      ids.push(token)
      server.post({ type: 'token', id, token })
    }
    await server.turn()
    if (server.isWritingStopped) break
  }
  return Int32Array.from(ids)
}

async function score({ reader, turn }: TaskServer, input: ScoreInput): Promise<ScoreOutput> {
  const losses: number[] = []
  const hits: number[] = []
  for (const part of opened(reader, 'model').score(input)) {
    losses.push(...part.losses)
    hits.push(...part.hits)
    await turn()
  }
  return { losses: Float64Array.from(losses), hits: Uint8Array.from(hits) }
}
