/** What a run makes depends on its RunConfig and on what was counted, and on nothing else. */
import { expect, test } from 'vitest'
import type { JobLimits } from '../../node/compute/job.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
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
    await joinRun(run, hosted.link, `volunteer-${number}`, limits === undefined ? {} : { limits })
  }
  await hosted.finished
  const { base, batchesCounted, evaluations } = hosted.status()
  await hosted.stop()
  expect(batchesCounted).toBe(16)
  expect(evaluations.at(-1)!.loss).toBeLessThan(evaluations[0]!.loss)
  expect(await verifyRun(run)).toMatchObject({ ok: true, adapterSha256: base })
  return base
}

for (const swarm of [
  { aggregation: 'delta' },
  { aggregation: 'delta', uplink: 'float32', downlink: 'float32' },
  { aggregation: 'gradient' },
]) {
  const how = Object.values(swarm).join(', ')
  test(`1, 2 and 5 volunteers make the same adapter: ${how}`, async () => {
    const [one, two, five] = await Promise.all([1, 2, 5].map((count) => adapterOf(count, swarm)))
    expect(two).toBe(one)
    expect(five).toBe(one)
  })
}

test('a base in 8 bits: four threads or little memory make the same adapter', async () => {
  const settings = { load_in_8bit: true }
  const [one, fast, small, whole] = await Promise.all([
    adapterOf(1, {}, settings),
    adapterOf(1, {}, settings, { threads: 4, memoryBytesMax: 1e9 }),
    adapterOf(1, {}, settings, { threads: 1, memoryBytesMax: 25e6 }),
    adapterOf(1, {}),
  ])
  expect(fast).toBe(one)
  expect(small).toBe(one)
  expect(whole).not.toBe(one)
})

test('another codec makes another adapter', async () => {
  const [int4, int8] = await Promise.all([
    adapterOf(1, { uplink: 'int4' }),
    adapterOf(1, { uplink: 'int8' }),
  ])
  expect(int4).not.toBe(int8)
})
