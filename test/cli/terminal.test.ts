import { expect, test } from 'vitest'
import { expectedText } from '../../node/cli/check.ts'
import { whenChanged } from '../../node/cli/output.ts'
import { visible } from '../../node/cli/terminal.ts'

for (const [what, text, expected] of [
  ['lines and tabs stay', 'a\tb\nc', 'a\tb\nc'],
  ['letters of any script stay', 'naïve 日本 👩‍👧 עברית', 'naïve 日本 👩‍👧 עברית'],
  ['colours and bells are signs', '\x1b[31mred\x07\r\0', '␛[31mred␇␍␀'],
  ['so are controls beyond ASCII', '\x7f\x9b2J', '\\u{7f}\\u{9b}2J'],
  ['and what turns the order of letters', 'a\u202eb\u2069', 'a\\u{202e}b\\u{2069}'],
] as const)
  test(`in the text of others, ${what}`, () => expect(visible(text)).toBe(expected))

for (const [rounds, batches, seconds, expected] of [
  [1, 8, 0.2, 'less than a second in 1 round'],
  [2, 8, 75, '1:15 in 2 rounds'],
  [2, 6, 75, '1:15 in 2 rounds and 6 of 8 batches'],
] as const) {
  test(`what a run takes: ${expected}`, () =>
    expect(expectedText({ rounds, batches, seconds }, 8)).toBe(expected))
}

test('what is as it was is not told again', () => {
  const told: number[] = []
  const tell = whenChanged(({ round }: { round: number }) => void told.push(round))
  for (const round of [1, 1, 2, 2, 1]) tell({ round })
  expect(told).toEqual([1, 2, 1])
})
