/** How long a local step of a run takes on this machine, by doing some. */
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { readBatches } from '../dataset/batches.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { BaseModel } from '../model/base-model.ts'
import { fitJob, type JobLimits } from '../training/job.ts'
import { startCompute } from '../training/start-compute.ts'

/** The first makes V8 compile, the second is measured. */
const STEPS = 2

/** Milliseconds of a step. @throws ConfigError when the job does not fit */
export async function measureStepMs(
  config: RunConfig,
  base: BaseModel,
  { blobs }: PreparedDataset,
  limits: JobLimits,
): Promise<number> {
  const { job } = fitJob(config, limits)
  const pieces: Uint8Array[] = []
  for await (const piece of base.pieces()) pieces.push(piece)
  const compute = startCompute()
  const ends: number[] = []
  compute.onStep(() => ends.push(performance.now()))
  try {
    await compute.run('set-up', { config, job, weights: Buffer.concat(pieces) })
    const layout = adapterLayout(config.base.shape, config.adapter)
    const batches = await readBatches(config, 0, STEPS, async ({ digest }) => blobs.get(digest)!)
    await compute.run('train', {
      ...batches,
      ...{ leaseId: 1, steps: STEPS, moment: null, traceSeed: new Uint8Array(0) },
      adapter: initialAdapter(layout, config.seed),
      learningRate: config.training.learningRate,
    })
    return ends.at(-1)! - ends.at(-2)!
  } finally {
    await compute.close()
  }
}
