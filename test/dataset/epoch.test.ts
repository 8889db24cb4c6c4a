/** What an epoch has of each dataset, and that nothing of it is held out. */
import { describe, expect, test } from 'vitest'
import { epochOf } from '../../node/dataset/epoch.ts'
import type { Example } from '../../node/dataset/kinds.ts'
import { newLeftOut } from '../../node/dataset/left-out.ts'
import type { DatasetOptions } from '../../node/dataset/prepare.ts'
import { decodeShard } from '../../node/dataset/shards.ts'
import { prepareDataset } from './prepare-dataset.ts'

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** Ten places of one dataset, and four of another. */
const OWNERS = [...Array(10).fill(0), ...Array(4).fill(1)]
const TRAIN = [3, 12, 0, 7, 9, 13, 1, 5, 10, 2]

function counts(weights: number[], rowWeights?: number[]): Record<number, number> {
  const all: Record<number, number> = {}
  const shares = { owners: OWNERS, weights, ...(rowWeights && { rowWeights }) }
  for (const place of epochOf(TRAIN, shares, 1, false)) {
    all[place] = (all[place] ?? 0) + 1
  }
  return all
}

describe('an epoch', () => {
  test('is as it was where nothing has a weight', () =>
    expect(epochOf(TRAIN, { owners: OWNERS, weights: [1, 1] }, 1, false)).toEqual(TRAIN))
  test('has a dataset twice, and a half of another, of what is trained on', () =>
    expect(counts([0.5, 2])).toEqual({ 3: 1, 7: 1, 1: 1, 2: 1, 12: 2, 13: 2, 10: 2 }))
  test('has the parts of a weight of the places that are drawn', () => {
    expect(counts([1, 1.4])).toMatchObject({ 12: 1, 13: 2, 10: 1, 3: 1 })
    expect(counts([1, 0.1])).not.toHaveProperty('12')
  })
  test('has a place as often as it weighs, by itself and by its dataset', () => {
    const rowWeights = range(0, 14).map((place) => (place === 3 ? 5 : 1))
    expect(counts([1, 1], rowWeights)).toMatchObject({ 3: 5, 0: 1, 12: 1 })
    expect(counts([2, 1], rowWeights)).toMatchObject({ 3: 10, 0: 2, 12: 1 })
  })
  test('has of places that weigh little as many as they weigh together', () => {
    const few = counts(
      [1, 1],
      range(0, 14).map(() => 0.5),
    )
    expect(Object.values(few).reduce((sum, count) => sum + count)).toBe(4 + 2)
  })
  test('is of the seed', () => {
    const of = (seed: number) => epochOf(TRAIN, { owners: OWNERS, weights: [2, 1] }, seed, false)
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
    expect([...of(1)].sort()).toEqual([...of(2)].sort())
  })
  test('may be in order', () =>
    expect(epochOf(TRAIN, { owners: OWNERS, weights: [1, 2] }, 1, true)).toEqual([
      0, 1, 2, 3, 5, 7, 9, 10, 10, 12, 12, 13, 13,
    ]))
})

/** A token a character, a=1 to z=26; 0 ends a text. */
const LETTERS = {
  vocabSize: 27,
  eosId: 0,
  encode: (text: string) => Int32Array.from(text, (letter) => letter.charCodeAt(0) - 96),
  encodeWhole: (text: string): Int32Array => LETTERS.encode(text),
}

const OPTIONS: DatasetOptions = {
  name: 'letters',
  sequenceLength: 4,
  sequencesPerShard: 100,
  validationSize: 0.2,
  seed: 7,
  layout: 'stream',
  longExamples: 'drop',
  badRows: 'refuse',
  template: null,
}

const sourceOf = (texts: readonly string[], weight?: number, rowWeight = 1) => ({
  leftOut: newLeftOut(),
  weight,
  async *examples(): AsyncGenerator<Example> {
    for (const [i, text] of texts.entries()) {
      const own = i === 0 && rowWeight !== 1 ? { weight: rowWeight } : {}
      yield { name: `${i}.txt`, aside: [], type: 'text', text, ...own }
    }
  },
})

/** What is trained on, and what is held out: sequences as the ids of their targets. */
async function cut(sources: ReturnType<typeof sourceOf>[], options: Partial<DatasetOptions>) {
  const all = { ...OPTIONS, ...options }
  const { config, blobs } = await prepareDataset(sources, LETTERS, all)
  const read = ({ digest }: { digest: string }) => {
    const shard = decodeShard(blobs.get(digest)!, { ...config, vocabSize: 27 })
    return range(0, shard.sequenceCount).map((i) => shard.sequences(i, 1).targets.join(' '))
  }
  return { train: config.trainShards.flatMap(read), held: read(config.validationShard) }
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz'
/** Three letters and an end: a sequence each. */
const triples = range(0, 24).map((i) => alphabet.slice(i, i + 3))

test('a text that is kept whole is there as often as its row weighs', async () => {
  const ofFirst = (train: readonly string[]) => train.filter((one) => one === '2 3 0 -1').length
  for (const weight of [0, 1, 3]) {
    const { train, held } = await cut([sourceOf(triples, 1, weight)], {
      layout: 'documents',
      seed: 9,
    })
    expect(held).not.toContain('2 3 0 -1')
    expect(ofFirst(train)).toBe(weight)
  }
})
test('a text of a stream cannot weigh by itself', async () => {
  const weighed = cut([sourceOf(triples, 1, 3)], {})
  await expect(weighed).rejects.toThrow("Cannot give 0.txt a 'weight' of its own")
})

for (const layout of ['stream', 'documents'] as const) {
  test(`of what is held out of a ${layout} nothing is trained on, with weights`, async () => {
    const sources = [sourceOf(triples.slice(0, 12), 3), sourceOf(triples.slice(12))]
    const { train, held } = await cut(sources, { layout })
    expect(held.length).toBeGreaterThan(0)
    expect(held.filter((one) => train.includes(one))).toEqual([])
    const once = await cut([sourceOf(triples.slice(0, 12)), sourceOf(triples.slice(12))], {
      layout,
    })
    expect(new Set(train)).toEqual(new Set(once.train))
    expect(held).toEqual(once.held)
    expect(train.length).toBeGreaterThan(once.train.length)
  })
  test(`a ${layout} may be trained on in its order`, async () => {
    const { train } = await cut([sourceOf(triples)], { layout, isInOrder: true })
    const first = train.map((targets) => Number(targets.split(' ')[0]))
    expect(first).toEqual([...first].sort((a, b) => a - b))
  })
  test(`of a ${layout} the first of those that are alike is kept`, async () => {
    const twice = triples.flatMap((text) => [text, text])
    const { train, held } = await cut([sourceOf(twice)], { layout, isDeduplicated: true })
    const all = train.concat(held)
    expect(new Set(all).size).toBe(all.length)
    expect(all.sort()).toEqual(
      Object.values(await cut([sourceOf(triples)], { layout }))
        .flat()
        .sort(),
    )
  })
}
