/** Who answers what a page asks for: the run's own data always comes from the network. */
import { expect, test } from 'vitest'
import { answererOf, isHostAway } from '../../node/browser/app/answerer.ts'

const SCOPE = 'https://run.example.org/'
const FILES = new Set(['index-12345678.js', 'kernels-12345678.wasm'])

for (const [path, given, expected] of [
  ['', { mode: 'navigate' }, 'network-then-kept'],
  ['#join=run.token', { mode: 'navigate' }, 'network-then-kept'],
  ['?from=chat', { mode: 'navigate' }, 'network-then-kept'],
  ['index.html', { mode: 'navigate' }, 'network-then-kept'],
  ['', {}, 'network'],
  ['index.html', {}, 'network'],
  ['index-12345678.js', {}, 'kept'],
  ['kernels-12345678.wasm', {}, 'kept'],
  ['index-12345678.js', { mode: 'navigate' }, 'network'],
  ['index-12345678.js', { method: 'HEAD' }, 'network'],
  ['index-12345678.js', { hasRange: true }, 'network'],
  ['index-87654321.js', {}, 'network'],
  ['a/index-12345678.js', {}, 'network'],
  ['', { mode: 'navigate', method: 'POST' }, 'network'],
  ['adapter/1.zip', { mode: 'navigate' }, 'network'],
  ['events', {}, 'network'],
  ['invitation', {}, 'network'],
  ['metrics', {}, 'network'],
  ['order', { method: 'POST' }, 'network'],
  ['try/plan', {}, 'network'],
  ['proof/publication.json', {}, 'network'],
  ['relay', {}, 'network'],
  ['service-worker.js', {}, 'network'],
  ['app.webmanifest', {}, 'network'],
] as const) {
  test(`/${path} ${JSON.stringify(given)}: ${expected}`, () => {
    const asked = { method: 'GET', mode: 'cors', url: SCOPE + path, hasRange: false, ...given }
    expect(answererOf(asked, SCOPE, FILES)).toBe(expected)
  })
}

test('what is elsewhere is no file of ours, whatever its name', () => {
  const url = 'https://other.example.org/index-12345678.js'
  const asked = { method: 'GET', mode: 'cors', url, hasRange: false }
  expect(answererOf(asked, SCOPE, FILES)).toBe('network')
})

for (const [status, isAway] of [
  [200, false],
  [0, false],
  [401, false],
  [403, false],
  [404, true],
  [502, true],
  [530, true],
] as const) {
  test(`${status} says that the host is ${isAway ? 'away' : 'there'}`, () => {
    expect(isHostAway(status)).toBe(isAway)
  })
}
