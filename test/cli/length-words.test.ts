/** Lengths of examples as an organiser reads them. */
import { expect, test } from 'vitest'
import { longerWords, quantileWords } from '../../node/cli/length-words.ts'

const FIGURES = {
  quantiles: [
    { share: 0.5, tokens: 120 },
    { share: 0.9, tokens: 310 },
    { share: 1, tokens: 900 },
  ],
  longer: [
    { sequenceLength: 256, share: 0.125 },
    { sequenceLength: 512, share: 0.0001 },
    { sequenceLength: 1024, share: 0 },
  ],
}

test('shares of the examples have at most so many tokens', () =>
  expect(quantileWords(FIGURES)).toBe('50 % have at most 120 tokens, 90 % 310, 100 % 900'))
test('of some it is told how many a sequence would cut, and few are not none', () =>
  expect(longerWords(FIGURES)).toBe('256: 12.5 %, 512: below 0.1 %, 1024: none'))
