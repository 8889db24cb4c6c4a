/** A training that is ended early, disturbed, or fails hands over its steps, bit for bit. */
import { expect, test } from 'vitest'
import { newControl, requestStop } from '../../kernels/control.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { createEngine, type Engine } from '../../node/compute/engine.ts'
import { jobOf } from '../../node/compute/job.ts'
import { createTaskServer } from '../../node/compute/serve-tasks.ts'
import type { FromWorker, ToWorker, TrainOutput } from '../../node/compute/task.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import { openBlobWeights } from '../../node/model/weight-file.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { digestOf } from '../../protocol/digest.ts'
import { kernelModule } from '../kernels/kernel-module.ts'
import { prepareSmallRun } from '../roles/swarm.ts'

const SET_UP = 1
const TRAINING = 2
const EVALUATION = 3
const leaseId = 7

interface Ending {
  /** What is told when so many steps are done; 0: before it begins. */
  after: number
  how: 'stop' | 'cut' | 'abandon' | 'through the control' | 'an evaluation'
}

/** A training of `steps` steps, ended so. */
async function train(
  folder: RunFolder,
  steps: number,
  ending: Ending | null,
  change = (engine: Engine) => engine,
): Promise<TrainOutput> {
  const { config } = await readRunConfig(folder)
  const blobs = await createFileBlobStore(folder.blobs)
  const control = newControl()
  const engine = change(createEngine(kernelModule, digestOf, openBlobWeights, { control }))
  const answers = new Map<number, (message: FromWorker) => void>()
  const batches = await readBatches(config, 0, steps, ({ digest }) => blobs.read(digest))
  const tell = (how: Ending['how']): void => {
    if (how === 'through the control') requestStop(control, TRAINING)
    else if (how === 'an evaluation') hear(evaluation)
    else hear({ type: how, leaseId })
  }
  const evaluation: ToWorker = {
    type: 'task',
    id: EVALUATION,
    name: 'evaluate',
    input: { ...batches, adapter: null },
  }
  const hear = createTaskServer({
    engine,
    post: (message) => {
      if (message.type !== 'step') answers.get((message as { id: number }).id)?.(message)
      else if (message.steps === ending?.after) tell(ending.how)
    },
    turn: async () => {},
  })
  const answerTo = (id: number): Promise<FromWorker> =>
    new Promise((resolve) => {
      answers.set(id, resolve)
    })
  const weights = await blobs.read(config.base.weights.digest)
  hear({ type: 'task', id: SET_UP, name: 'set-up', input: { config, job: jobOf(config), weights } })
  if (ending?.after === 0) tell(ending.how)
  const trained = answerTo(TRAINING)
  const adapter = initialAdapter(adapterLayout(config.base.shape, config.adapter), config.seed)
  const start = { adapter, moment: null, learningRate: 0.01 }
  const input = { ...batches, leaseId, firstBatch: 0, steps, ...start }
  const traceStart = '0'.repeat(64)
  hear({ type: 'task', id: TRAINING, name: 'train', input: { ...input, traceStart } })
  return ((await trained) as { output: unknown }).output as TrainOutput
}

/** What comes of it, but for how long it took. */
async function outcomeOf(
  run: RunFolder,
  steps: number,
  ending: Ending | null,
  change?: (engine: Engine) => Engine,
) {
  return { ...(await train(run, steps, ending, change)), stepMs: 0 }
}

for (const [ending, steps] of [
  [{ after: 1, how: 'stop' }, 1],
  [{ after: 2, how: 'cut' }, 2],
  [{ after: 2, how: 'through the control' }, 2],
  [{ after: 0, how: 'stop' }, 1],
  [{ after: 3, how: 'through the control' }, 3],
] as [Ending, number][]) {
  test(`${ending.how} after ${ending.after} of 3 steps is a training of ${steps}`, async () => {
    const run = await prepareSmallRun()
    const ended = await outcomeOf(run, 3, ending)
    expect(ended).toMatchObject({ status: 'trained', steps })
    expect(ended).toEqual(await outcomeOf(run, steps, null))
  })
}

for (const ending of [
  { after: 0, how: 'cut' },
  { after: 0, how: 'through the control' },
  { after: 2, how: 'abandon' },
  { after: 0, how: 'abandon' },
] as Ending[]) {
  test(`${ending.how} after ${ending.after} steps hands nothing over`, async () => {
    const run = await prepareSmallRun()
    expect(await train(run, 3, ending)).toEqual({ status: 'empty' })
  })
}

test('an evaluation that is asked for meanwhile does not touch it', async () => {
  const run = await prepareSmallRun()
  const disturbed = await outcomeOf(run, 3, { after: 1, how: 'an evaluation' })
  expect(disturbed).toEqual(await outcomeOf(run, 3, null))
})

/** An engine in which so many steps are fine, and the next one spoils all numbers. */
const failingAfter =
  (fine: number) =>
  (engine: Engine): Engine => ({
    ...engine,
    train: function* (input, name) {
      let steps = 0
      for (const pause of engine.train(input, name)) {
        yield steps === fine ? { status: 'non-finite', where: 'adapter' } : pause
        steps += 1
      }
    },
  })

test('a step that comes to nothing ends it with those before', async () => {
  const run = await prepareSmallRun()
  const failure = 'step 3 of 4: a number in the adapter is not finite'
  const ended = await outcomeOf(run, 4, null, failingAfter(2))
  expect(ended).toEqual({ ...(await outcomeOf(run, 2, null)), failure })
})

test('a first step that comes to nothing is a failure', async () => {
  const run = await prepareSmallRun()
  const reason = 'a number in the adapter is not finite'
  expect(await train(run, 4, null, failingAfter(0))).toEqual({ status: 'failed', reason })
})

/** An engine whose losses are above what a contribution tells, but for those of so many steps. */
const soaringAfter =
  (fine: number) =>
  (engine: Engine): Engine => ({
    ...engine,
    train: function* (input, name) {
      let steps = 0
      for (const pause of engine.train(input, name)) {
        const isFine = pause.status !== 'ok' || steps < fine
        yield isFine ? pause : { ...pause, progress: { ...pause.progress, lossSum: 1e12 } }
        steps += 1
      }
    },
  })

test('a step with a loss that no message has room for ends it with those before', async () => {
  const run = await prepareSmallRun()
  const failure = 'step 3 of 4: the loss is above 1000000'
  const ended = await outcomeOf(run, 4, null, soaringAfter(2))
  expect(ended).toEqual({ ...(await outcomeOf(run, 2, null)), failure })
  const reason = 'the loss is above 1000000'
  expect(await train(run, 4, null, soaringAfter(0))).toEqual({ status: 'failed', reason })
})
