import { describe, expect, test } from 'vitest'
import type { Example } from '../../node/dataset/kinds.ts'
import { newLeftOut } from '../../node/dataset/left-out.ts'
import type { DatasetOptions } from '../../node/dataset/prepare.ts'
import { decodeShard, type ShardFormat } from '../../node/dataset/shards.ts'
import { ConfigError, digestOf } from '../../protocol/index.ts'
import { prepareDataset } from './prepare-dataset.ts'

/** A token a character, a=1 to z=26; 0 ends a text. */
const ALPHABET = {
  vocabSize: 27,
  eosId: 0,
  encode: (text: string) => Int32Array.from(text, (letter) => letter.charCodeAt(0) - 96),
  encodeWhole: (text: string): Int32Array => ALPHABET.encode(text),
  decode: (ids: Iterable<number>) => String.fromCharCode(...[...ids].map((id) => id + 96)),
}

const OPTIONS: DatasetOptions = {
  name: 'letters',
  sequenceLength: 4,
  sequencesPerShard: 3,
  validationSize: 2 / 26,
  seed: 7,
  layout: 'stream',
  longExamples: 'drop',
  badRows: 'refuse',
  template: null,
}

const prepare = (texts: string[], options: Partial<DatasetOptions> = {}) =>
  prepareDataset([sourceOf(texts)], ALPHABET, { ...OPTIONS, ...options })

const sourceOf = (texts: readonly string[]) => ({
  leftOut: newLeftOut(),
  async *examples(): AsyncGenerator<Example> {
    for (const [i, text] of texts.entries()) {
      yield { name: `${i}.txt`, aside: [], type: 'text', text }
    }
  },
})

type Prepared = Awaited<ReturnType<typeof prepare>>

const formatOf = ({ config }: Prepared): ShardFormat => ({
  ...config,
  vocabSize: ALPHABET.vocabSize,
})

/** The sequences of some shards as text, S + 1 letters each, `\`` for the end of a document. */
function textsOf(prepared: Prepared, shards: { digest: string; bytes: number }[]): string[] {
  return shards.flatMap(({ digest, bytes }) => {
    const blob = prepared.blobs.get(digest)!
    expect(blob.length).toBe(bytes)
    expect(digestOf(blob)).toBe(digest)
    const shard = decodeShard(blob, formatOf(prepared))
    return Array.from({ length: shard.sequenceCount }, (_, i) => {
      const { tokens, targets } = shard.sequences(i, 1)
      return ALPHABET.decode([...tokens, targets.at(-1)!])
    })
  })
}

describe('a text in sequences', () => {
  const check = async (texts: string[], expected: string[], tailTokens: number) => {
    const prepared = await prepare(texts, { validationSize: 0 })
    const { trainShards, validationShard } = prepared.config
    const all = textsOf(prepared, [...trainShards, validationShard])
    expect(all.sort()).toEqual(expected.sort())
    expect(prepared.dropped.tailTokens).toBe(tailTokens)
  }

  test('begins with an end, and the last target of one begins the next', () =>
    check(['abcdefghijk'], ['`abcd', 'defgh', 'hijk`'], 0))
  test('has an end between documents', () =>
    check(['abc', 'defghij'], ['`abc`', '`defg', 'ghij`'], 0))
  test('drops what does not fill a sequence, and counts it', () =>
    check(['abcdefghij'], ['`abcd', 'defgh'], 3))
  test('leaves empty documents out', async () => {
    const prepared = await prepare([' \n', 'abcdefghijklmnop', ''])
    expect(prepared).toMatchObject({ documents: 1, tokens: 17 })
    expect(prepared.dropped.empty).toEqual({ count: 2, names: ['0.txt', '2.txt'] })
  })
})

describe('the summary', () => {
  const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(4)

  test('counts what the shards hold', async () => {
    const { config, blobs, tokens } = await prepare([text])
    expect(tokens).toBe(105)
    expect(config).toMatchObject({
      name: 'letters',
      sequenceLength: 4,
      tokenBytes: 2,
      sequencesPerShard: 3,
      trainSequences: 24,
      validationSequences: 2,
    })
    expect(config.trainShards.map(({ bytes }) => bytes)).toEqual(Array(8).fill(3 * 5 * 2))
    expect(config.validationShard.bytes).toBe(2 * 5 * 2)
    expect(blobs.size).toBe(9)
  })

  test('has a last shard with what is left', async () => {
    const { config } = await prepare([text], { sequencesPerShard: 10 })
    expect(config.trainShards.map(({ bytes }) => bytes)).toEqual([100, 100, 40])
  })

  test('is the same for the same text, and has these digests', async () => {
    const prepared = await prepare([text])
    expect(await prepare([text])).toEqual(prepared)
    const { trainShards, validationShard } = prepared.config
    const train = Buffer.concat(trainShards.map(({ digest }) => prepared.blobs.get(digest)!))
    // Computed by a second implementation, in Python.
    expect([validationShard.digest, digestOf(train)]).toEqual([
      '5e3013d27f9362841d79837f06a7fdd1ce2fde380b0df1d07501f530f14f3678',
      '3e97cd6d60a4236c9849c3feb397b8aff709d8473f249160f321e663eeb76dd3',
    ])
  })

  test('depends on the seed and on the order of the documents', async () => {
    const digests = async (texts: string[], seed: number) =>
      (await prepare(texts, { seed })).config.trainShards.map(({ digest }) => digest)
    const some = await digests([text, 'zyx'], 1)
    expect(await digests([text, 'zyx'], 2)).not.toEqual(some)
    expect(await digests(['zyx', text], 1)).not.toEqual(some)
  })
})

test('no held-out target is ever a target of training', async () => {
  // Every pair of letters is there once, so that a target in its place is known by its neighbour.
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  const text = letters.flatMap((a, i) => letters.slice(i + 1).map((b) => a + b)).join('')
  for (const seed of [1, 2, 3, 4, 5]) {
    const prepared = await prepare([text], { seed, validationSize: 0.15 })
    const { trainShards, validationShard } = prepared.config
    const places = (sequence: string) => {
      const start = `\`${text}\``.indexOf(sequence)
      expect(start).toBeGreaterThanOrEqual(0)
      return [1, 2, 3, 4].map((i) => start + i)
    }
    const trained = new Set(textsOf(prepared, trainShards).flatMap(places))
    const held = textsOf(prepared, [validationShard]).flatMap(places)
    expect(held.length).toBe(96)
    expect(held.filter((place) => trained.has(place))).toEqual([])
  }
})

describe('a text that is too short is refused', () => {
  const check = async (texts: string[], words: string[], given = {}) => {
    const error = await prepare(texts, given).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    for (const word of words) expect((error as Error).message).toContain(word)
  }
  test('no documents', () => check([], ['it has 0 tokens', '0 sequences of 4', 'give more text']))
  test('no more than is held out', () =>
    check(
      ['abc'],
      [
        "'letters' as it has 4 tokens, which make 1 sequence of 4: one is held out",
        "set 'sequence_len' to at most 2",
      ],
    ))
  test('all of it held out', () =>
    check(['abcdefghijkl'], ["'val_set_size: 1' holds out 3 of them"], { validationSize: 1 }))
})
