/** What the card of an export says: whom it thanks, and over how many tokens its losses are. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CoordinatorState } from '../../coordinator/index.ts'
import { encodeShard } from '../../node/dataset/shards.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { contributorsOf, type SummarisedRun, summaryOf } from '../../node/run/run-summary.ts'
import { exampleManifest } from '../protocol/example-messages.ts'
import { chainOf, type Done } from '../protocol/manifest-chain.ts'
import { prepareSmallRun } from '../roles/swarm.ts'

const ADA: Done = [1, '12D3KooWada', 10]
const BOB: Done = [2, '12D3KooWbob', 30]
const BOB_AGAIN: Done = [3, '12D3KooWbob', 5]
const CHAIN = chainOf({ done: [ADA, BOB] }, { done: [BOB_AGAIN], lost: [[0, [2]]] })

for (const [what, rounds, expected] of [
  ['nothing was subtracted yet', 1, ['3KooWbob 30 of 1', 'ada 10 of 1']],
  ['a later round subtracted', 2, ['ada 10 of 1', '3KooWbob 5 of 1']],
] as const) {
  test(`where ${what}, they are ${expected.join(' and ')}`, () => {
    const names = new Map([[ADA[1], 'ada']])
    const found = contributorsOf({ names, runId: exampleManifest.runId }, CHAIN.slice(0, rounds))
    const shown = found.map((one) => `${one.name} ${one.tokens} of ${one.contributions}`)
    expect(shown).toEqual(expected)
  })
}

test('of a conversation, the tokens that are learned are those held out', async () => {
  const { config } = await readRunConfig(await prepareSmallRun({ base_model: 'embedded' }))
  const dataset = { ...config.dataset, layout: 'documents' as const, validationSequences: 1 }
  const { sequenceLength: length } = dataset
  const row = {
    ids: new Int32Array(length + 1),
    counted: Uint8Array.from({ length }, (_, i) => Number(i >= length - 3)),
    starts: new Uint8Array(length),
    rejected: new Uint8Array(length),
  }
  const shard = encodeShard([row], { ...dataset, vocabSize: config.base.shape.vocabSize })
  const run: SummarisedRun = {
    config: { ...config, dataset },
    runId: exampleManifest.runId,
    coordinator: null,
    names: new Map(),
    state: { evaluations: [], scores: [] } as unknown as CoordinatorState,
    blobs: { read: async () => shard, path: () => join(EMBEDDED_MODEL, 'model.safetensors') },
  }
  expect((await summaryOf(run, CHAIN)).dataset.heldOutTokens).toBe(3)
})
