/** Examples side by side: nothing lost, nothing twice, each by itself. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pack, piecesOf } from '../../node/dataset/pack.ts'
import { decodeShard, encodeShard, type ShardFormat } from '../../node/dataset/shards.ts'
import type { TokenisedExample } from '../../node/dataset/tokenise.ts'

const PADDING = 0

function example(type: TokenisedExample['type'], ids: number[], learned: number[]) {
  return {
    name: 'x',
    type,
    isWhole: false,
    ids: Int32Array.from(ids),
    learned: Uint8Array.from(learned),
  }
}

test('two examples fill a sequence, the third begins another', () => {
  const all = [
    example('answer', [1, 2, 3], [0, 1, 1]),
    example('answer', [4, 5], [0, 1]),
    example('answer', [6, 7, 8], [0, 0, 1]),
  ]
  const format: ShardFormat = {
    sequenceLength: 5,
    tokenBytes: 2,
    layout: 'documents',
    vocabSize: 10,
  }
  const sequences = pack(
    all.map((one) => [one]),
    5,
    PADDING,
  )
  expect(decodeShard(encodeShard(sequences, format), format).sequences(0, 2)).toEqual({
    tokens: Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0),
    targets: Int32Array.of(2, 3, -1, 5, -1, -1, 8, -1, -1, -1),
    starts: Int32Array.of(0, 3, 5, 8),
  })
})

for (const [type, long, expected] of [
  [
    'text',
    'drop',
    [
      [1, 2, 3, 4],
      [4, 5, 6, 7],
      [7, 8],
    ],
  ],
  ['answer', 'drop', []],
  ['answer', 'truncate', [[1, 2, 3, 4]]],
  ['chat', 'truncate', [[1, 2, 3, 4]]],
] as const) {
  test(`of a long ${type}, where long ones are to ${long}, there is ${expected.length}`, () => {
    const ids = [1, 2, 3, 4, 5, 6, 7, 8]
    const pieces = piecesOf(
      example(
        type,
        ids,
        ids.map(() => 1),
      ),
      3,
      long,
    )
    expect(pieces.map(([piece]) => [...piece!.ids])).toEqual(expected)
  })
}

test('what is cut to nothing that is learned is left out', () =>
  expect(piecesOf(example('answer', [1, 2, 3, 4, 5], [0, 0, 0, 0, 1]), 3, 'truncate')).toEqual([]))

test('every learned token that something precedes is a target once, after what precedes it', () => {
  const one = fc.integer({ min: 2, max: 9 }).chain((length) =>
    fc.record({
      ids: fc.array(fc.integer({ min: 1, max: 99 }), { minLength: length, maxLength: length }),
      learned: fc.array(fc.nat(1), { minLength: length, maxLength: length }),
    }),
  )
  fc.assert(
    fc.property(fc.array(one, { maxLength: 30 }), (all) => {
      const examples = all.map(({ ids, learned }) => example('answer', ids, learned))
      const pairsOf = (ids: Int32Array, counts: (i: number) => boolean) =>
        [...ids.subarray(1)].flatMap((id, i) => (counts(i) ? [`${ids[i]} ${id}`] : []))
      const expected = examples.flatMap(({ ids, learned }) =>
        pairsOf(ids, (i) => learned[i + 1] === 1),
      )
      const sequences = pack(
        examples.map((one) => [one]),
        8,
        PADDING,
      )
      const found = sequences.flatMap(({ ids, counted }) => pairsOf(ids, (i) => counted[i] === 1))
      expect(found.sort()).toEqual(expected.sort())
    }),
  )
})

/** Answers of so many tokens, all but the first of them learned; the last one is rejected. */
function ratedOf(...lengths: number[]): TokenisedExample {
  const ids = lengths.flatMap((length, i) => Array.from({ length }, (_, at) => 10 * (i + 1) + at))
  const learned = lengths.flatMap((length) => Array.from({ length }, (_, at) => Number(at > 0)))
  const answers = lengths.map((length, i) => ({ length, isRejected: i === lengths.length - 1 }))
  return { ...example('rated', ids, learned), answers }
}

test('answers that are rated together lie in one sequence, side by side', () => {
  const groups = [ratedOf(3, 2), ratedOf(2, 3), ratedOf(2, 2)].flatMap((one) =>
    piecesOf(one, 8, 'drop'),
  )
  const format: ShardFormat = { sequenceLength: 8, tokenBytes: 2, layout: 'answers', vocabSize: 99 }
  const shard = decodeShard(encodeShard(pack(groups, 8, PADDING), format), format)
  expect(shard.sequences(0, 2)).toEqual({
    tokens: Int32Array.of(10, 11, 12, 20, 21, 10, 11, 20, 10, 11, 20, 21, 22, 0, 0, 0),
    targets: Int32Array.of(11, 12, -1, 21, -1, 11, -1, 21, 11, -1, 21, 22, -1, -1, -1, -1),
    starts: Int32Array.of(0, 3, 5, 7, 8, 10, 13),
    rejected: Int32Array.of(3, 7, 10),
  })
})

for (const [what, lengths, long, expected] of [
  ['half a sequence each', [4, 4], 'drop', [4, 4]],
  ['more than half, where that is dropped', [5, 2], 'drop', null],
  ['more than half, where that is cut', [5, 2], 'truncate', [4, 2]],
] as const) {
  test(`of two answers of ${what}, there is ${expected?.join(' and ') ?? 'nothing'}`, () => {
    const [group] = piecesOf(ratedOf(...lengths), 8, long)
    expect(group?.map(({ ids }) => ids.length) ?? null).toEqual(expected)
  })
}
