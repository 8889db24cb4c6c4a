/** Which numbers of JSON are floats in Python though they are whole, and what is made of them. */
import { expect, test } from 'vitest'
import { conversationOf } from '../../node/dataset/conversation.ts'
import { isFields } from '../../node/dataset/fields.ts'
import { Fault } from '../../node/dataset/row.ts'
import { parseExactly, WholeFloat } from '../../node/exact-json.ts'

for (const [text, expected] of [
  ['1.0', new WholeFloat(1)],
  ['-0.0', new WholeFloat(-0)],
  ['1e2', new WholeFloat(100)],
  ['[2E+1, {"a": 3.00}]', [new WholeFloat(20), { a: new WholeFloat(3) }]],
  ['1', 1],
  ['1.5', 1.5],
  ['"1.0"', '1.0'],
  ['{"1.0": "1.0 m", "b": null}', { '1.0': '1.0 m', b: null }],
] as const) {
  test(`${text} is read as Python reads it`, () => expect(parseExactly(text)).toEqual(expected))
}

test('what is no JSON is refused as JSON.parse refuses it', () =>
  expect(() => parseExactly('[1.0,')).toThrow(SyntaxError))

const talk = (weight: string) =>
  conversationOf(
    parseExactly(
      `{"messages":[{"role":"assistant","content":"a","weight":${weight}}]}`,
    ) as object as Readonly<Record<string, unknown>>,
    'messages',
  )

for (const [weight, learned] of [
  ['0', false],
  ['0.0', false],
  ['1.0', true],
] as const) {
  test(`a weight of ${weight} is ${learned ? 'learned' : 'not learned'}`, () =>
    expect(talk(weight)).toMatchObject({ learned: [learned] }))
}

test('where another value is wanted, it is shown as the number that it is', () => {
  expect((talk('2.0') as Fault).words).toContain('current value is 2')
  expect(isFields(new WholeFloat(1))).toBe(false)
  expect(new Fault(JSON.stringify(parseExactly('[1.0]'))).words).toBe('[1]')
})
