/** The faults that `npm run mutate` plants: all of a line's, and none in words and types. */
import { expect, test } from 'vitest'
import { mutated, mutationsOf } from '../mutate/mutations.ts'

for (const [text, expected] of [
  ['f(a < 7)', [';', 'f(a <= 7)', 'f(a >= 7)', 'f(a < (7 + 1))']],
  ['const x = a && !b', ['const x = a || !b', 'const x = a && b']],
  ['const x = a ?? b', ['const x = a']],
  ['const x = a ? b : c', ['const x = !(a) ? b : c']],
  ["const x = 'a' + b", ["const x = '' + b"]],
  ['i++', [';', 'i--']],
  ['a += 1', [';', 'a -= 1', 'a += (1 + 1)']],
  ['const x = Math.min(a, b)', ['const x = Math.max(a, b)']],
  ['const x = a.filter(f)', ['const x = a']],
  ['const x = a.toString()', []],
  ['if (a) f()', ['if (!(a)) f()', 'if (a) ;']],
  ['function f() { return a }', ['function f() { ; }']],
  ["throw new MyError('no', 1 + 2)", [';']],
  ['assert(a > 1)', []],
  ["import { a } from './b.ts'", []],
  ["type A = 'b' | 7", []],
  ["let x: 'b' | 7", []],
] as const) {
  test(`${text} becomes ${expected.join(' or ') || 'nothing else'}`, () => {
    const found = mutationsOf(text).map((mutation) => mutated({ ...mutation, text }))
    expect(found.toSorted()).toEqual(expected.toSorted())
  })
}

test('a mutation knows its line', () => {
  expect(mutationsOf('let a\n\na = 1').map(({ line }) => line)).toEqual([3, 3])
})

test('what does not parse is refused in words', () => {
  expect(() => mutationsOf('1 +')).toThrow(/^Cannot mutate a file as it must parse/)
})
