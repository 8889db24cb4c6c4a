/** Lengths of examples, finely enough to choose `sequence_len`; and tokens that no base has. */
import { expect, test } from 'vitest'
import { histogram, longerThan, quantiles } from '../../node/setup/data-figures.ts'
import { checkRows } from '../../node/setup/missing-rows.ts'
import { ConfigError } from '../../protocol/errors.ts'

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

for (const [what, lengths, rows] of [
  ['none', [], []],
  ['one', [5], [[8, 1]]],
  [
    'short ones',
    [1, 8, 9, 16],
    [
      [8, 2],
      [16, 2],
    ],
  ],
  [
    'a gap',
    [1, 1000],
    [
      [64, 1],
      [1024, 1],
    ],
  ],
  ['many', range(1, 1024), range(1, 16).map((i) => [64 * i, 64])],
] as [what: string, lengths: number[], rows: [number, number][]][]) {
  test(`a histogram of ${what}`, () =>
    expect(histogram(lengths).map(({ tokensMax, examples }) => [tokensMax, examples])).toEqual(
      rows,
    ))
}

test('how many examples a length would hold', () => {
  expect(quantiles([])).toEqual([])
  expect(quantiles(range(1, 200)).map(({ share, tokens }) => [share, tokens])).toEqual([
    [0.5, 100],
    [0.9, 180],
    [0.95, 190],
    [0.99, 198],
    [1, 200],
  ])
})

for (const [what, lengths, expected] of [
  ['none', [], [[64, 0]]],
  ['short ones', [3, 65], [[64, 0]]],
  [
    'a long one',
    [3, 4, 5, 258],
    [
      [64, 0.25],
      [128, 0.25],
      [256, 0.25],
      [512, 0],
    ],
  ],
  [
    'ones that few lengths would hold',
    [600, 700, 2000],
    [
      [1024, 1 / 3],
      [2048, 0],
    ],
  ],
] as [what: string, lengths: number[], expected: [number, number][]][]) {
  test(`what share is longer than a sequence, of ${what}`, () =>
    expect(longerThan(lengths).map((one) => [one.sequenceLength, one.share])).toEqual(expected))
}

const TOKENIZER = { decode: (ids: Iterable<number>) => `<|${[...ids]}|>` }
const example = (name: string, ids: number[]) => ({
  name,
  ids: Int32Array.from(ids),
  learned: new Uint8Array(ids.length),
  isWhole: false,
  type: 'text' as const,
})

test('the first example with a word that the base has no row for is named, with the word', () => {
  const check = (rows: number) => () =>
    checkRows([example('a:1', [1, 2]), example('a:2', [3, 9])], TOKENIZER as never, rows)
  expect(check(10)).not.toThrow()
  expect(check(9)).toThrow(ConfigError)
  expect(check(9)).toThrow(
    /^Cannot train on a:2 as it has the token "<\|9\|>", whose id is 9: .* below 9/,
  )
})
