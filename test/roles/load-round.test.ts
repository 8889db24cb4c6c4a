/** A volunteer asks for nothing of a size that its run cannot need. */
import { expect, test } from 'vitest'
import { adapterLayout } from '../../kernels/index.ts'
import { startAudit } from '../../node/roles/audit-work.ts'
import type { Held } from '../../node/roles/held.ts'
import { newHeld } from '../../node/roles/held.ts'
import { prepare, setUp } from '../../node/roles/load-round.ts'
import type { ParticipantWorld } from '../../node/roles/participant-world.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import type { RoundStart } from '../../protocol/index.ts'
import { silentLog } from '../silent-log.ts'
import { prepareSmallRun } from './swarm.ts'

/** Whatever is fetched or asked of it fails. */
const WORLD = {
  limits: { threads: 1, memoryBytesMax: 1e9 },
  dataBytesMax: null,
  log: silentLog,
  blobs: { has: () => Promise.reject(new Error('it asks for the base')) },
} as unknown as ParticipantWorld

const DIGEST = 'a'.repeat(64)

const startFrom = (bytes: number): RoundStart => ({
  round: 1,
  base: DIGEST,
  checkpoint: { digest: DIGEST, bytes },
  update: null,
  moment: null,
  learningRate: 0.01,
})

test('a base that is too large for its shape is not asked for', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const sound = setUp(WORLD, newHeld(), { config, runId, mirrors: [] })
  await expect(sound).rejects.toThrow('it asks for the base')
  const weights = { digest: DIGEST, bytes: 1.5e9 }
  const lying = { ...config, base: { ...config.base, weights } }
  const refused = setUp(WORLD, newHeld(), { config: lying, runId, mirrors: [] })
  await expect(refused).rejects.toMatchObject({ name: 'ConfigError' })
})

test('an adapter of another size than that of the run is not asked for', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const layout = adapterLayout(config.base.shape, config.adapter)
  const held: Held = { ...newHeld(), config, runId, layout }
  const lying = prepare(WORLD, held, startFrom(2 ** 31))
  await expect(lying).rejects.toMatchObject({ code: 'malformed' })
  // It is asked for, and there is nobody to ask.
  const sound = prepare(WORLD, held, startFrom(4 * layout.count))
  await expect(sound).rejects.not.toMatchObject({ code: 'malformed' })
})

test('nor is an adapter that the run does not start from', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const layout = adapterLayout(config.base.shape, config.adapter)
  const checkpoint = { digest: DIGEST, bytes: 4 * layout.count }
  const started = { ...config, adapter: { ...config.adapter, start: { checkpoint, parent: null } } }
  const own = startFrom(checkpoint.bytes)
  for (const [run, start] of [
    [config, own],
    [started, { ...own, checkpoint: null }],
    [started, { ...own, checkpoint: { ...checkpoint, digest: 'b'.repeat(64) } }],
  ] as const) {
    const lied = prepare(
      WORLD,
      { ...newHeld(), config: run, runId, layout },
      { ...start, round: 0 },
    )
    await expect(lied).rejects.toThrow('The first round starts from another adapter than the run')
  }
})

test('nor is what an audit starts from, or more steps than a lease has', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const layout = adapterLayout(config.base.shape, config.adapter)
  const held: Held = { ...newHeld(), config, runId, layout }
  const offer = (bytes: number, steps: number) => ({
    auditId: 1,
    leaseId: 1,
    kind: 'full' as const,
    seed: DIGEST,
    firstBatch: 0,
    steps,
    deadlineMs: 1000,
    start: startFrom(bytes),
  })
  const heard = (given: ReturnType<typeof offer>) =>
    new Promise<unknown>((resolve) => startAudit({ ...WORLD, feed: resolve }, held, given))
  const failed = (reason: string) => ({
    type: 'audit-failed',
    reason: expect.stringContaining(reason),
  })
  expect(await heard(offer(2 ** 31, 1))).toMatchObject(failed('bytes'))
  expect(await heard(offer(4 * layout.count, 3))).toMatchObject(failed('at most 2 steps'))
})
