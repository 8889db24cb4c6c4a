/** What each kind of schema takes, and what it says about what it does not take. */
import { expect, test } from 'vitest'
import { ProtocolError } from '../../protocol/errors.ts'
import {
  bytes,
  digest,
  flag,
  integer,
  list,
  nullable,
  oneOf,
  optional,
  parse,
  real,
  type Schema,
  struct,
  text,
  title,
  variants,
} from '../../protocol/schema.ts'

const DIGEST = 'ab'.repeat(32)
const shape = struct({ x: integer(0, 9), y: nullable(flag) })
const loose = struct({ x: integer(0, 9), y: optional(flag) })
const union = variants({ go: { id: integer(0, 9) }, stay: {} })

function check(schema: Schema<unknown>, value: unknown): void {
  expect(parse(schema, value, 'it')).toEqual(value)
}

for (const [kind, schema, values] of [
  ['integer', integer(-2, 9), [-2, 0, 9]],
  ['real', real(0.5, 2), [0.5, 1.25, 2]],
  ['flag', flag, [true, false]],
  ['text', text(4), ['', 'four', 'é笔', '🛖🛖']],
  ['digest', digest, [DIGEST]],
  ['bytes', bytes(1, 3), [Uint8Array.of(1), Uint8Array.of(1, 2, 3)]],
  ['oneOf', oneOf<'a' | 4>('a', 4), ['a', 4]],
  ['list', list(flag, 1, 2), [[true], [true, false]]],
  ['nullable', nullable(flag), [null, true]],
  ['struct', shape, [{ x: 1, y: null }]],
  ['a struct whose field may be absent', loose, [{ x: 1 }, { x: 1, y: true }]],
  ['variants', union, [{ type: 'go', id: 3 }, { type: 'stay' }]],
] as [string, Schema<unknown>, unknown[]][]) {
  test(`${kind} takes what it should, unchanged`, () => {
    for (const value of values) check(schema, value)
  })
}

for (const [what, schema, value, message] of [
  [
    'integer below',
    integer(1, 9),
    0,
    "'it' as it must be a whole number from 1 to 9: current value is 0",
  ],
  ['integer above', integer(1, 9), 10, 'current value is 10'],
  ['integer with a fraction', integer(1, 9), 1.5, 'current value is 1.5'],
  ['integer that is NaN', integer(1, 9), Number.NaN, 'current value is NaN'],
  ['integer as text', integer(1, 9), '1', 'current value is "1"'],
  ['integer as bigint', integer(1, 9), 1n, 'current value is a bigint'],
  ['real below', real(0, 1), -0.1, 'a number from 0 to 1: current value is -0.1'],
  ['real that is NaN', real(0, 1), Number.NaN, 'current value is NaN'],
  ['real that is infinite', real(0, 1), Number.POSITIVE_INFINITY, 'current value is Infinity'],
  ['flag as number', flag, 1, 'true or false: current value is 1'],
  [
    'a title of white space',
    title(9),
    ' \u3000 ',
    'at most 9 characters, and more than white space',
  ],
  ['an empty title', title(9), '', 'more than white space'],
  ['a title too long', title(4), 'fives', 'at most 4 characters'],
  ['text too long', text(4), 'fives', 'text of at most 4 characters: current value is "fives"'],
  ['text with a line break', text(9), 'a\nb', 'text'],
  ['text with an escape', text(9), '\u001b[2J', 'text'],
  ['text with half a pair', text(9), '\ud800', 'text'],
  ['text as bytes', text(9), Uint8Array.of(1), 'current value is 1 bytes'],
  ['digest too short', digest, DIGEST.slice(1), 'a SHA-256 digest'],
  ['digest in capitals', digest, DIGEST.toUpperCase(), 'a SHA-256 digest'],
  ['digest with a line break', digest, `${DIGEST}\n`, 'a SHA-256 digest'],
  ['bytes too few', bytes(2, 3), Uint8Array.of(1), '2 to 3 bytes: current value is 1 bytes'],
  ['bytes too many', bytes(0, 1), new Uint8Array(2), 'current value is 2 bytes'],
  ['bytes as a list', bytes(0, 9), [1], 'current value is a list of 1'],
  ['none of the allowed', oneOf('a', 'b'), 'c', 'one of "a", "b": current value is "c"'],
  ['list too short', list(flag, 1, 2), [], 'a list of 1 to 2: current value is a list of 0'],
  ['list too long', list(flag, 0, 1), [true, true], 'current value is a list of 2'],
  ['list with a wrong item', list(flag, 0, 9), [true, 0], "'it[1]' as it must be true or false"],
  ['list as object', list(flag, 0, 9), { length: 0 }, 'current value is a object'],
  ['null', flag, null, 'current value is null'],
  ['struct with a field missing', shape, { x: 1 }, "'it.y' as it must be true or false"],
  ['struct with a field more', shape, { x: 1, y: null, z: 1 }, "'it.z' as it must be absent"],
  ['a field that may be absent as null', loose, { x: 1, y: null }, "'it.y' as it must be true"],
  [
    'a field that may be absent as undefined',
    loose,
    { x: 1, y: undefined },
    "'it.y' as it must be",
  ],
  ['struct as list', shape, [], "'it' as it must be an object"],
  ['struct as null', shape, null, "'it' as it must be an object: current value is null"],
  [
    'struct with a field of all objects',
    shape,
    { toString: 1 },
    "'it.toString' as it must be absent",
  ],
  ['variant unknown', union, { type: 'fly' }, "'it.type' as it must be one of go, stay"],
  ['variant of all objects', union, { type: 'constructor' }, "'it.type' as it must be one of"],
  ['variant without a type', union, {}, "'it.type'"],
  ['variant that is null', union, null, "'it.type'"],
  [
    'variant with a field of another',
    union,
    { type: 'stay', id: 1 },
    "'it.id' as it must be absent",
  ],
  ['a very long text is cut in the message', oneOf('a'), 'x'.repeat(9999), `"${'x'.repeat(40)}"`],
] as [string, Schema<unknown>, unknown, string][]) {
  test(`refused: ${what}`, () => {
    const attempt = () => parse(schema, value, 'it')
    expect(attempt).toThrow(ProtocolError)
    expect(attempt).toThrow(message)
  })
}

test('bytes are a copy, so that a frame can be let go', () => {
  const frame = Uint8Array.of(1, 2, 3, 4)
  const part = parse(bytes(0, 9), frame.subarray(1, 3), 'it')
  frame.fill(0)
  expect(part).toEqual(Uint8Array.of(2, 3))
  expect(part.buffer.byteLength).toBe(2)
})

test('a title loses the white space around it', () =>
  expect(parse(title(9), ' Ada L. ', 'name')).toBe('Ada L.'))
