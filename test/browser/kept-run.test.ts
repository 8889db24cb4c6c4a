/** What a browser keeps of a run: what it reads again, and which words are kept at all. */
import { expect, test } from 'vitest'
import {
  isWordOf,
  type KeptRun,
  parseKept,
  wordsToKeep,
} from '../../node/browser/pages/kept-run.ts'

const KEPT: KeptRun = {
  words: 'join=0123456789abcdef.token',
  isLending: true,
  name: 'ada',
  threads: 2,
  memoryMegabytes: 1024,
  isPaused: false,
  pauseHidden: true,
  pauseOnBattery: true,
  othersShareMax: 0.6,
  bytesMax: null,
}

test('what was kept is read again', () => {
  expect(parseKept(JSON.stringify(KEPT))).toEqual(KEPT)
})

for (const [what, text] of [
  ['nothing', null],
  ['no JSON', '{'],
  ['null', 'null'],
  ['a list', '[]'],
  ['a field that is missing', JSON.stringify({ ...KEPT, words: undefined })],
  ['a number that is text', JSON.stringify({ ...KEPT, threads: '2' })],
  ['no cores', JSON.stringify({ ...KEPT, threads: 0 })],
  ['a limit below nothing', JSON.stringify({ ...KEPT, bytesMax: -1 })],
  ['a long name', JSON.stringify({ ...KEPT, name: 'x'.repeat(65) })],
  ['long words', JSON.stringify({ ...KEPT, words: 'x'.repeat(4_097) })],
  ['much else', JSON.stringify({ ...KEPT, more: 'x'.repeat(6_000) })],
] as const) {
  test(`${what} is read as nothing kept`, () => expect(parseKept(text)).toBe(null))
}

for (const [address, kept] of [
  ['join=run.token', 'join=run.token'],
  ['at=12D3KooW&join=run.token', 'at=12D3KooW&join=run.token'],
  ['join=run.a%2Bb', 'join=run.a%2Bb'],
  ['join=run.token&admin=secret', 'join=run.token'],
  ['admin=secret', null],
  ['at=12D3KooW&admin=secret', null],
  ['at=12D3KooW', null],
  ['', null],
] as const) {
  test(`an address with '${address}': ${kept ?? 'nothing'} is kept`, () => {
    const words = wordsToKeep(new URLSearchParams(address))
    expect(words).toBe(kept)
    // They are the words of the same page, when it is opened by them.
    if (words !== null) expect(wordsToKeep(new URLSearchParams(words))).toBe(words)
  })
}

for (const [word, isOf] of [
  ['0123456789abcdef.token', true],
  ['0123456789abcdef', true],
  ['.token', true],
  ['fedcba9876543210.token', false],
] as const) {
  test(`${word} is ${isOf ? '' : 'not '}of the run 0123…`, () => {
    expect(isWordOf(word, '0123456789abcdef'.repeat(4))).toBe(isOf)
  })
}
