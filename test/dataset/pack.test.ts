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
  const sequences = pack(all, 5, PADDING)
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
    expect(pieces.map((piece) => [...piece.ids])).toEqual(expected)
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
      const sequences = pack(examples, 8, PADDING)
      const found = sequences.flatMap(({ ids, counted }) => pairsOf(ids, (i) => counted[i] === 1))
      expect(found.sort()).toEqual(expected.sort())
    }),
  )
})
