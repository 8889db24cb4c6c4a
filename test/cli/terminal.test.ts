import { expect, test } from 'vitest'
import { visible } from '../../node/cli/terminal.ts'

for (const [what, text, expected] of [
  ['lines and tabs stay', 'a\tb\nc', 'a\tb\nc'],
  ['letters of any script stay', 'naïve 日本 👩‍👧 עברית', 'naïve 日本 👩‍👧 עברית'],
  ['colours and bells are signs', '\x1b[31mred\x07\r\0', '␛[31mred␇␍␀'],
  ['so are controls beyond ASCII', '\x7f\x9b2J', '\\u{7f}\\u{9b}2J'],
  ['and what turns the order of letters', 'a\u202eb\u2069', 'a\\u{202e}b\\u{2069}'],
] as const)
  test(`in the text of others, ${what}`, () => expect(visible(text)).toBe(expected))
