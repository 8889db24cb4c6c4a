/** What a run's processes take, against what they were seen to take at their most. */
import { expect, test } from 'vitest'
import { processMemory } from '../../node/setup/process-memory.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { MODEL_135M } from '../kernels/model-135m.ts'
import { blobNamed, digestOfText, exampleConfig } from '../protocol/example-config.ts'

/** A Llama of 135 million parameters, with two sequences of 128 tokens at a time. */
function largeRun(kernels: RunConfig['kernels']): RunConfig {
  return exampleConfig({
    base: {
      shape: MODEL_135M,
      weights: { digest: digestOfText('large'), bytes: 269_062_904 },
    },
    kernels,
    adapter: { adapterRank: 8, targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] },
    dataset: { sequenceLength: 128 },
    training: { microBatch: 2 },
  })
}

/** Resident memory at its highest, on Linux: of a host, of volunteers on one core and on two. */
for (const [what, kernels, host, ...volunteers] of [
  ['in bfloat16', { base: 'bfloat16', path: 'float32' }, 1112e6, 1116e6, 1207e6],
  ['in 8 bits', { base: 'int8', path: 'int16' }, 1004e6],
] as [string, RunConfig['kernels'], number, ...number[]][]) {
  test(`${what} the plan is within 10 % of what was taken`, () => {
    const { hostBytes, volunteerBytes, coreBytes, volunteerBytesMin } = processMemory(
      largeRun(kernels),
    )
    const isNear = (planned: number, taken: number) => Math.abs(planned / taken - 1) < 0.1
    expect(hostBytes).toSatisfy((planned: number) => isNear(planned, host))
    volunteers.forEach((taken, more) => {
      const planned = volunteerBytes + more * coreBytes
      expect(planned).toSatisfy((bytes: number) => isNear(bytes, taken))
    })
    expect(volunteerBytesMin).toBeLessThan(volunteerBytes)
  })
}

test('volunteers that score need a copy of the base for it, and can do without', () => {
  const run = largeRun({ base: 'bfloat16', path: 'float32' })
  const rows = blobNamed('rows')
  const scoring = { rows, questions: 4, prompts: 2, contextTokens: 64, everyRounds: 1 }
  const alone = processMemory({ ...run, scoring })
  const spread = processMemory({ ...run, scoring: { ...scoring, asked: blobNamed('asked') } })
  expect(spread.volunteerBytes - alone.volunteerBytes).toBeGreaterThan(269e6)
  expect({ ...spread, volunteerBytes: alone.volunteerBytes }).toEqual(alone)
})
