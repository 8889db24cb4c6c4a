/** The job of a run on a machine: it fits, it is made to fit, or the refusal says by how much. */
import { expect, test } from 'vitest'
import { describeJob, fitJob, jobOf } from '../../node/compute/job.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { DEFAULT_RUN } from '../../simulations/run-settings.ts'

const LONG = { ...DEFAULT_RUN.dataset, sequenceLength: 65_536 }

for (const [what, threads, memoryBytesMax, expected] of [
  ['all of it', 1, 4e9, '960 MB'],
  ['smaller micro-batches', 1, 500e6, '391 MB, 1 of 4 sequences at a time'],
  [
    'streamed layers',
    1,
    300e6,
    '298 MB, 1 of 4 sequences at a time, 28 of 30 layers read from the disk each time',
  ],
  [
    'layers that run forward twice as well',
    1,
    200e6,
    '196 MB, 1 of 4 sequences at a time, 30 of 30 layers read from the disk each time, ' +
      '19 of 30 layers run forward twice',
  ],
  ['room for each thread', 4, 4e9, '1040 MB'],
] as const) {
  test(`${memoryBytesMax / 1e6} MB and ${threads} threads are ${what}`, () => {
    const fitted = fitJob(DEFAULT_RUN, { threads, memoryBytesMax })
    expect(describeJob(DEFAULT_RUN, fitted)).toBe(expected)
    expect(fitted.bytes).toBeLessThanOrEqual(memoryBytesMax)
  })
}

for (const [what, config, memoryBytesMax, words] of [
  ['little memory', DEFAULT_RUN, 100e6, "'--memory' must be at least"],
  ['little memory', DEFAULT_RUN, 100e6, 'current value is 100 MB'],
  ['much of it, but 32 bits', { ...DEFAULT_RUN, dataset: LONG }, 64e9, 'WebAssembly reaches'],
] as const) {
  test(`a job that does not fit is refused, ${what}: ${words}`, () => {
    const fit = () => fitJob(config, { threads: 1, memoryBytesMax })
    expect(fit).toThrow(ConfigError)
    expect(fit).toThrow(words)
  })
}

test('the job is stored and multiplied as the run says', () => {
  expect(jobOf(DEFAULT_RUN).kernels).toEqual({ base: 'int8', path: 'int16' })
})
