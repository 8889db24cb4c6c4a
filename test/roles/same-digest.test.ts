/** What a run makes depends on its RunConfig and on what was counted, and on nothing else. */
import { expect, test } from 'vitest'
import { verifyRun } from '../../node/run/verify-run.ts'
import type { JobLimits } from '../../node/training/job.ts'
import { hostRun, joinRun, type Overrides, prepareSmallRun } from './swarm.ts'

async function adapterOf(
  volunteers: number,
  swarm: Overrides,
  settings: Overrides = {},
  limits?: JobLimits,
): Promise<string> {
  const run = await prepareSmallRun(settings, swarm)
  const hosted = await hostRun(run)
  for (let number = 1; number <= volunteers; number++) {
    await joinRun(run, hosted.link, `volunteer-${number}`, () => {}, limits)
  }
  await hosted.finished
  const { base, batchesCounted, evaluations } = hosted.status()
  await hosted.stop()
  expect(batchesCounted).toBe(16)
  expect(evaluations.at(-1)!.loss).toBeLessThan(evaluations[0]!.loss)
  expect(await verifyRun(run, () => {})).toMatchObject({ verified: true, adapter: base })
  return base
}

for (const swarm of [
  { aggregation: 'delta' },
  { aggregation: 'delta', uplink: 'float32', downlink: 'float32' },
  { aggregation: 'gradient' },
]) {
  const how = Object.values(swarm).join(', ')
  test(`1, 2 and 5 volunteers make the same adapter: ${how}`, async () => {
    const one = await adapterOf(1, swarm)
    expect(await adapterOf(2, swarm)).toBe(one)
    expect(await adapterOf(5, swarm)).toBe(one)
  }, 120_000)
}

test('a base in 8 bits: four threads or little memory make the same adapter', async () => {
  const settings = { load_in_8bit: true }
  const one = await adapterOf(1, {}, settings)
  expect(await adapterOf(1, {}, settings, { threads: 4, memoryBytesMax: 1e9 })).toBe(one)
  expect(await adapterOf(1, {}, settings, { threads: 1, memoryBytesMax: 25e6 })).toBe(one)
  expect(await adapterOf(1, {})).not.toBe(one)
}, 120_000)

test('another codec makes another adapter', async () => {
  const [int4, int8] = [
    await adapterOf(1, { uplink: 'int4' }),
    await adapterOf(1, { uplink: 'int8' }),
  ]
  expect(int4).not.toBe(int8)
})
