/** How long a local step of a run takes on this machine, by doing some. */
import { adapterLayout, initialAdapter } from '../../kernels/index.ts'
import { digestOf, type RunConfig } from '../../protocol/index.ts'
import { fitJob, type JobLimits } from '../compute/job.ts'
import { startCompute } from '../compute/start-compute.ts'
import { readBatches } from '../dataset/batches.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { BaseModel } from '../model/base-model.ts'

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
  const weights = base.file.path
  const compute = startCompute()
  const ends: number[] = []
  compute.onStep(() => ends.push(performance.now()))
  try {
    await compute.run('set-up', { config, job, weights })
    const layout = adapterLayout(config.base.shape, config.adapter)
    const batches = await readBatches(config, 0, STEPS, async ({ digest }) => blobs.get(digest)!)
    await compute.run('train', {
      ...batches,
      leaseId: 1,
      firstBatch: 0,
      steps: STEPS,
      moment: null,
      traceStart: digestOf(new Uint8Array(0)),
      adapter: initialAdapter(layout, config.seed),
      learningRate: config.training.learningRate,
    })
    return ends.at(-1)! - ends.at(-2)!
  } finally {
    await compute.close()
  }
}
