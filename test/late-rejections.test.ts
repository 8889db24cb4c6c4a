/**
 * A promise that a test begins, and whose rejection it expects only after other waiting, may reject
 * before anybody listens: on a slow machine that fails the whole file. So `heard` has to hold it,
 * and what is expected to reject in a loop is begun in the loop.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ownFiles } from './own-files.ts'

/** The names of promises in `text` that may reject unheard. */
function lateExpectations(text: string): string[] {
  return [...text.matchAll(/expect\((\w+)\)\s*\.rejects/g)]
    .filter(({ 1: name, index }) => {
      const before = text.slice(0, index).replace(/await $/, '')
      const begun = [...before.matchAll(new RegExp(`\\bconst \\[?${name}\\b`, 'g'))].at(-1)
      if (begun === undefined) return false
      const { statement, after } = firstStatement(before.slice(begun.index))
      if (/^const \w+ of \[/.test(statement)) return true
      if (statement.includes('heard(') || after.includes(`expect(${name})`)) return false
      return /\bawait\b/.test(after)
    })
    .map(({ 1: name }) => name!)
}

/** A statement ends with the line on which all its brackets are closed. */
function firstStatement(text: string): { statement: string; after: string } {
  let depth = 0
  let end = 0
  for (; end < text.length; end++) {
    if ('([{'.includes(text[end]!)) depth += 1
    if (')]}'.includes(text[end]!)) depth -= 1
    if (text[end] === '\n' && depth <= 0) break
  }
  return { statement: text.slice(0, end), after: text.slice(end) }
}

test('no rejection is expected too late', () => {
  const files = ownFiles('test/**/*.test.ts').filter(
    (path) => path !== 'test/late-rejections.test.ts',
  )
  const late = files.flatMap((path) =>
    lateExpectations(readFileSync(path, 'utf8')).map((name) => `${path}: ${name}`),
  )
  expect(late).toEqual([])
})

test.each([
  [
    'after other waiting',
    'const a = go()\nawait other()\nawait expect(a).rejects.toThrow()',
    ['a'],
  ],
  ['begun together', 'for (const a of [b(), c()]) await expect(a).rejects.toThrow()', ['a']],
  ['at once', 'const a = go(await input())\nawait expect(a).rejects.toThrow()', []],
  ['held', 'const a = heard(go())\nawait other()\nawait expect(a).rejects.toThrow()', []],
])('the rule on a rejection expected %s', (_, text, names) => {
  expect(lateExpectations(text)).toEqual(names)
})
