/** What a coordinator says of sizes is believed as far as the run could need it. */
import { expect, test } from 'vitest'
import { adapterLayout } from '../../kernels/lora.ts'
import { checkRunSizes, checkStartSizes } from '../../node/compute/sizes.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import type { BlobReference } from '../../protocol/blob-reference.ts'
import type { RoundStart } from '../../protocol/messages.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { prepareSmallRun } from '../roles/swarm.ts'

const DIGEST = 'a'.repeat(64)

async function soundConfig(): Promise<RunConfig> {
  return (await readRunConfig(await prepareSmallRun())).config
}

const withBase = (config: RunConfig, bytes: number): RunConfig => ({
  ...config,
  base: { ...config.base, weights: { digest: DIGEST, bytes } },
})

const withShard = ({ dataset, ...config }: RunConfig, bytes: number): RunConfig => ({
  ...config,
  dataset: { ...dataset, trainShards: [{ digest: DIGEST, bytes }] },
})

const shardBytes = ({ dataset }: RunConfig) => dataset.trainShards[0]!.bytes

for (const [what, change, words] of [
  ['a base of 1.5 GB in so small a shape', (c) => withBase(c, 1.5e9), 'its weights must have'],
  ['a shard that is too long', (c) => withShard(c, 2 ** 30), "'trainShards[0]' must have"],
  ['a shard that is too short', (c) => withShard(c, shardBytes(c) - 1), "'trainShards[0]'"],
] as [string, (config: RunConfig) => RunConfig, string][]) {
  test(`${what} is not fetched`, async () => {
    const config = await soundConfig()
    expect(() => checkRunSizes(config)).not.toThrow()
    const check = () => checkRunSizes(change(config))
    expect(check).toThrow(expect.objectContaining({ name: 'ConfigError' }))
    expect(check).toThrow(words)
  })
}

for (const name of ['checkpoint', 'update', 'moment'] as const) {
  test(`a ${name} of another size than the run's adapter has is not fetched`, async () => {
    const { base, adapter, aggregation } = await soundConfig()
    const layout = adapterLayout(base.shape, adapter)
    const blob = (bytes: number): BlobReference => ({ digest: DIGEST, bytes })
    const start = (bytes: number | null): RoundStart => ({
      round: 1,
      base: DIGEST,
      checkpoint: blob(layout.count * 4),
      update: null,
      moment: null,
      learningRate: 0.01,
      [name]: bytes === null ? null : blob(bytes),
    })
    expect(() => checkStartSizes(start(null), layout, aggregation)).not.toThrow()
    for (const bytes of [1, 2 ** 31]) {
      const check = () => checkStartSizes(start(bytes), layout, aggregation)
      expect(check).toThrow(expect.objectContaining({ code: 'malformed' }))
      expect(check).toThrow(`'${name}' must have`)
    }
  })
}
