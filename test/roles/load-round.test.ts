/** A volunteer asks for nothing of a size that its run cannot need. */
import { expect, test } from 'vitest'
import { adapterLayout } from '../../kernels/index.ts'
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

test('a base that is too large for its shape is not asked for', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const sound = setUp(WORLD, newHeld(), { config, runId })
  await expect(sound).rejects.toThrow('it asks for the base')
  const weights = { digest: DIGEST, bytes: 1.5e9 }
  const lying = { ...config, base: { ...config.base, weights } }
  const refused = setUp(WORLD, newHeld(), { config: lying, runId })
  await expect(refused).rejects.toMatchObject({ name: 'ConfigError' })
})

test('an adapter of another size than that of the run is not asked for', async () => {
  const { config, runId } = await readRunConfig(await prepareSmallRun())
  const layout = adapterLayout(config.base.shape, config.adapter)
  const held: Held = { ...newHeld(), config, runId, layout }
  const start = (bytes: number): RoundStart => ({
    round: 1,
    base: DIGEST,
    checkpoint: { digest: DIGEST, bytes },
    update: null,
    moment: null,
    learningRate: 0.01,
  })
  const lying = prepare(WORLD, held, start(2 ** 31))
  await expect(lying).rejects.toMatchObject({ code: 'malformed' })
  // It is asked for, and there is nobody to ask.
  const sound = prepare(WORLD, held, start(4 * layout.count))
  await expect(sound).rejects.not.toMatchObject({ code: 'malformed' })
})
