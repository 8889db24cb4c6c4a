/** Whether a base that is streamed comes as fast as it is computed with. Pure. */
import type { StepProgress } from '../compute/task.ts'

/** Less of a step than that is no loss that anybody would act on. */
const SHARE_MAX = 0.1

type Pace = Pick<StepProgress, 'stepMs' | 'waitMs'>

export function isDiskSlow({ stepMs, waitMs }: Pace): boolean {
  return waitMs > SHARE_MAX * stepMs
}

export function diskText({ stepMs, waitMs }: Pace): string {
  const share = `${Math.round((100 * waitMs) / stepMs)} %`
  return (
    `The disk is slower than this machine computes: ${share} of a step is waiting for layers of ` +
    'the base to be read. With more memory for the run, fewer of them are read each time'
  )
}
