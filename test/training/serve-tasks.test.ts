/** A training that is ended early hands over the steps before, bit for bit. */
import { expect, test } from 'vitest'
import { newControl, requestStop } from '../../kernels/control.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { readBatches } from '../../node/dataset/batches.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { createFileBlobStore } from '../../node/storage/blob-store.ts'
import { createEngine } from '../../node/training/engine.ts'
import { jobOf } from '../../node/training/job.ts'
import { createTaskServer } from '../../node/training/serve-tasks.ts'
import type { FromWorker, TrainOutput } from '../../node/training/task.ts'
import { digestOf } from '../../protocol/digest.ts'
import { kernelModule } from '../kernels/kernel-module.ts'
import { prepareSmallRun } from '../roles/swarm.ts'

const SET_UP = 1
const TRAINING = 2
const leaseId = 7

interface Ending {
  /** What is told when so many steps are done; 0: before it begins. */
  after: number
  how: 'stop' | 'cut' | 'abandon' | 'through the control'
}

/** A training of `steps` steps, ended so. */
async function train(
  folder: RunFolder,
  steps: number,
  ending: Ending | null,
): Promise<TrainOutput> {
  const { config } = await readRunConfig(folder)
  const blobs = await createFileBlobStore(folder.blobs)
  const control = newControl()
  const engine = createEngine(kernelModule, digestOf, { control })
  const answers = new Map<number, (message: FromWorker) => void>()
  const tell = (how: Ending['how']): void => {
    if (how === 'through the control') requestStop(control, TRAINING)
    else hear({ type: how, leaseId })
  }
  const hear = createTaskServer({
    engine,
    post: (message) => {
      if (message.type !== 'step') answers.get((message as { id: number }).id)?.(message)
      else if (message.steps === ending?.after) tell(ending.how)
    },
    turn: async () => {},
    openWeights: () => Promise.reject(new Error('no model is read')),
  })
  const answerTo = (id: number): Promise<FromWorker> =>
    new Promise((resolve) => {
      answers.set(id, resolve)
    })
  const weights = await blobs.read(config.base.weights.digest)
  hear({ type: 'task', id: SET_UP, name: 'set-up', input: { config, job: jobOf(config), weights } })
  if (ending?.after === 0) tell(ending.how)
  const trained = answerTo(TRAINING)
  const batches = await readBatches(config, 0, steps, ({ digest }) => blobs.read(digest))
  const adapter = initialAdapter(adapterLayout(config.base.shape, config.adapter), config.seed)
  const input = { ...batches, leaseId, steps, adapter, moment: null, learningRate: 0.01 }
  const traceSeed = new Uint8Array(1)
  hear({ type: 'task', id: TRAINING, name: 'train', input: { ...input, traceSeed } })
  return ((await trained) as { output: unknown }).output as TrainOutput
}

/** What comes of it, but for how long it took. */
async function outcomeOf(run: RunFolder, steps: number, ending: Ending | null) {
  return { ...(await train(run, steps, ending)), stepMs: 0 }
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
] as Ending[]) {
  test(`${ending.how} after ${ending.after} steps hands nothing over`, async () => {
    const run = await prepareSmallRun()
    expect((await train(run, 3, ending)).status).toBe('failed')
  })
}
