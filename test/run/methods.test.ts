/** A run of many variants of LoRA at once: the same whoever trains, checked, and taken further. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exportRun } from '../../node/run/export-run.ts'
import { openRun } from '../../node/run/open-run.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { hostRun, joinRun, type Overrides, prepareSmallRun } from '../roles/swarm.ts'

const ALL = { type: 'share', share: 1, seed: 1 } as const

/** Some layers, ranks and scales of their own, and all that is drawn. */
const ADAPTER: Overrides = {
  lora_r: 4,
  lora_alpha: 8,
  peft_layers_to_transform: '[0]',
  peft_use_rslora: true,
  peft_rank_pattern: '{q_proj: 2, "layers.0.mlp.down_proj": 6}',
  peft_alpha_pattern: '{"(k|v)_proj": 4}',
}
const METHODS: Overrides = {
  ...ADAPTER,
  loraplus_lr_ratio: 4,
  lora_dropout: 0.1,
  neftune_noise_alpha: 2,
}

async function finishedRun(settings: Overrides, swarm: Overrides, volunteers: number) {
  const run = await prepareSmallRun(settings, swarm)
  const hosted = await hostRun(run)
  for (let number = 1; number <= volunteers; number++) await joinRun(run, hosted.link, `v${number}`)
  await hosted.finished
  await hosted.stop()
  return run
}

const endOf = async (run: RunFolder) => (await openRun(run)).state.round.start.base

test('the adapter is the same whoever trains, replays, and goes on from PEFT files', async () => {
  const [one, two] = await Promise.all([finishedRun(METHODS, {}, 1), finishedRun(METHODS, {}, 2)])
  const { config, state } = await openRun(one)
  // The base has one layer, which is all of them.
  expect([config.adapter.layers, config.adapter.scaling]).toEqual([undefined, 'rslora'])
  expect(
    config.adapter.exceptions!.map(({ target, adapterRank, alpha }) => [
      target,
      adapterRank,
      alpha,
    ]),
  ).toEqual([
    ['q', 2, 8],
    ['k', 4, 4],
    ['v', 4, 4],
    ['down', 6, 8],
  ])
  expect(config.training).toMatchObject({ rateRatio: 4, dropout: 0.1, embeddingNoise: 2 })
  expect(await endOf(two)).toBe(await endOf(one))
  const losses = state.evaluations.map(({ loss }) => loss)
  expect(losses.at(-1)).toBeLessThan(losses[0]!)

  const { folder } = await exportRun(one, { format: 'peft', round: null, out: null })
  const verified = { ok: true, adapterSha256: await endOf(one), replayedSteps: 16 }
  expect(await verifyRun(one, { replay: ALL, exported: folder })).toMatchObject(verified)
  const json = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'))
  expect(json).toMatchObject({
    layers_to_transform: null,
    use_rslora: true,
    rank_pattern: { q_proj: 2, down_proj: 6 },
    alpha_pattern: { k_proj: 4, v_proj: 4 },
    lora_dropout: 0.1,
  })
  const next = await prepareSmallRun({ ...ADAPTER, adapter_from: folder })
  expect((await readRunConfig(next)).config.adapter.start!.checkpoint.digest).toBe(await endOf(one))
  for (const [key, value] of [
    ['peft_use_rslora', false],
    ['peft_rank_pattern', '{q_proj: 3}'],
    ['peft_alpha_pattern', '{}'],
  ] as const) {
    const other = prepareSmallRun({ ...ADAPTER, [key]: value, adapter_from: folder })
    await expect(other).rejects.toThrow(`${key}: must be`)
  }
})

test('averaged gradients draw by batch, too, and replay', async () => {
  const run = await finishedRun(
    { ...METHODS, max_steps: 8 },
    { aggregation: 'gradient', round_batches: 4 },
    1,
  )
  expect(await verifyRun(run, { replay: ALL })).toMatchObject({ ok: true, replayedSteps: 8 })
})

const DORA: Overrides = { lora_r: 4, lora_alpha: 8, peft_use_dora: true, loraplus_lr_ratio: 2 }

test('DoRA: the same whoever trains, replays, and goes on from PEFT files', async () => {
  const [one, two] = await Promise.all([finishedRun(DORA, {}, 1), finishedRun(DORA, {}, 2)])
  const { config, state } = await openRun(one)
  expect(config.adapter.variant).toBe('dora')
  expect(await endOf(two)).toBe(await endOf(one))
  const losses = state.evaluations.map(({ loss }) => loss)
  expect(losses.at(-1)).toBeLessThan(losses[0]!)

  const { folder } = await exportRun(one, { format: 'peft', round: null, out: null })
  const verified = { ok: true, adapterSha256: await endOf(one), replayedSteps: 16 }
  expect(await verifyRun(one, { replay: ALL, exported: folder })).toMatchObject(verified)
  const next = await prepareSmallRun({ ...DORA, adapter_from: folder })
  expect((await readRunConfig(next)).config.adapter.start!.checkpoint.digest).toBe(await endOf(one))
  const other = prepareSmallRun({ ...DORA, peft_use_dora: false, adapter_from: folder })
  await expect(other).rejects.toThrow('peft_use_dora: must be')
})

test('DoRA with averaged gradients replays on a base in 8 bits', async () => {
  const run = await finishedRun(
    { ...DORA, load_in_8bit: true, max_steps: 8 },
    { aggregation: 'gradient', round_batches: 4 },
    1,
  )
  expect(await verifyRun(run, { replay: ALL })).toMatchObject({ ok: true, replayedSteps: 8 })
})

test('DoRA with dropout is refused in words', async () => {
  const prepare = prepareSmallRun({ peft_use_dora: true, lora_dropout: 0.1 })
  await expect(prepare).rejects.toThrow("lora_dropout: must be left out with 'peft_use_dora'")
})

for (const [key, value, words] of [
  ['peft_layers_to_transform', '[1]', 'must be layers from 0 to 0 of this base'],
  ['peft_rank_pattern', '{lm_head: 4}', 'it matches none of the linear layers'],
  ['peft_rank_pattern', '{"(q|v)+_proj": 4}', 'the pattern must be'],
  ['lora_dropout', 1, 'lora_dropout'],
] as const) {
  test(`${key}: ${value} is refused in words`, async () => {
    const prepare = prepareSmallRun({ [key]: value })
    await expect(prepare).rejects.toThrow(words)
    await expect(prepare).rejects.toThrow(key)
  })
}
