/** What is wrong with the shape of a file: every kind of fault, in words of ours. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { IN_WORDS, shapeFaults } from '../../node/shape-faults.ts'

const strict = z.strictObject({ a: z.string() })
const told = z.discriminatedUnion('type', [
  z.object({ type: z.literal('x'), size: z.number() }),
  z.object({ type: z.literal('y') }),
])

for (const [kind, schema, value, said] of [
  ['what is missing', z.object({ a: z.string() }), {}, "'a' is missing"],
  [
    'what has no value',
    z.object({ a: z.string() }),
    { a: null },
    "'a' must be text: it has no value",
  ],
  ['no text', z.string(), 3, 'it must be text: current value is 3'],
  ['no number', z.number(), '3', 'it must be a number: current value is "3"'],
  ['no number at all', z.number(), Number.NaN, 'it must be a number: current value is NaN'],
  ['no whole number', z.int(), 1.5, 'it must be a whole number: current value is 1.5'],
  [
    'neither true nor false',
    z.boolean(),
    'yes',
    'it must be true or false: current value is "yes"',
  ],
  [
    'no list',
    z.object({ a: z.array(z.int()) }),
    { a: 1 },
    "'a' must be a list: current value is 1",
  ],
  [
    'no list, but long',
    z.array(z.int()).max(1),
    'xyz',
    'it must be a list: current value is "xyz"',
  ],
  ['no list of a length', z.tuple([z.int()]), 'x', 'it must be a list: current value is "x"'],
  [
    'no keys',
    z.record(z.string(), z.int()),
    [],
    'it must be keys with values: current value is []',
  ],
  ['what a literal is not', z.literal('lora'), 'x', `it must be 'lora': current value is "x"`],
  [
    'what a choice is not',
    z.enum(['a', 'b', 'c']),
    'x',
    `it must be 'a', 'b' or 'c': current value is "x"`,
  ],
  ['too low', z.number().min(2), 1, 'it must be at least 2: current value is 1'],
  ['not above', z.number().positive(), 0, 'it must be above 0: current value is 0'],
  ['too high', z.number().max(2), 3, 'it must be at most 2: current value is 3'],
  ['not below', z.number().lt(2), 2, 'it must be below 2: current value is 2'],
  ['empty', z.string().min(1), '', 'it must not be empty: current value is ""'],
  ['too short', z.string().min(2), 'x', 'it must have at least 2 characters: current value is "x"'],
  [
    'too many',
    z.array(z.int()).max(1),
    [1, 2],
    'it must have at most 1 item: current value is [1,2]',
  ],
  ['not so many', z.array(z.int()).length(2), [1], 'it must have 2 items: current value is [1]'],
  [
    'another pattern',
    z.string().regex(/^x/),
    'y',
    'it must be of the form /^x/: current value is "y"',
  ],
  ['no multiple', z.number().multipleOf(4), 6, 'it must be a multiple of 4: current value is 6'],
  ['keys that nobody knows', strict, { a: '', b: 1, c: 2 }, "it must not have 'b' or 'c'"],
  [
    'neither of two',
    z.union([z.string(), z.null()]),
    3,
    'it must be text, or must be null: current value is 3',
  ],
  ['a kind that is none', told, { type: 'z' }, "'type' must be one whose 'type' is 'x' or 'y'"],
  [
    'a fault of one kind',
    told,
    { type: 'x', size: 'big' },
    `'size' must be a number: current value is "big"`,
  ],
  [
    'a key in a bad form',
    z.record(z.string().regex(/^x/), z.int()),
    { y: 1 },
    "'y' has an entry whose key must be of the form /^x/",
  ],
  [
    'an entry of a map',
    z.map(z.looseObject({}), z.int()),
    new Map([[{}, 'x']]),
    'it has an entry whose value must be a number',
  ],
  [
    'a rule with words of its own',
    z.string().refine(() => false, 'must rhyme'),
    'x',
    'it must rhyme: current value is "x"',
  ],
  ['a rule about several', strict.refine(() => false, 'must rhyme'), { a: 'x' }, 'it must rhyme'],
  [
    'a rule without words',
    z.string().refine(() => false),
    'x',
    'it is not as it must be: current value is "x"',
  ],
] as [kind: string, schema: z.ZodType, value: unknown, said: string][]) {
  test(`${kind}: ${said}`, () => {
    const { error } = schema.safeParse(value, IN_WORDS)
    expect(shapeFaults(error!)).toContain(said)
    expect(shapeFaults(error!)).not.toMatch(/Invalid|expected|received|undefined/)
  })
}

test('faults without number are told by the first few', () => {
  const { error } = z.array(z.int()).safeParse(Array(1_000).fill('x'), IN_WORDS)
  expect(shapeFaults(error!)).toMatch(/^'0' must be a number: .*'4' must .*; and 995 more$/)
})
