/** Threads of a page share memory where it is isolated and there is something to share. */
import { expect, test } from 'vitest'
import { mayShareMemory, type Scope } from '../../node/browser/tab/shared-memory.ts'

for (const [what, scope, expected] of [
  ['an isolated page', { crossOriginIsolated: true, SharedArrayBuffer }, true],
  ['a page that is not isolated', { crossOriginIsolated: false, SharedArrayBuffer }, false],
  ['a page that only says that it is isolated', { crossOriginIsolated: true }, false],
  ['a page that came over plain http', { crossOriginIsolated: false }, false],
] as [string, Scope, boolean][]) {
  test(`${what}: ${expected ? 'shared' : 'not shared'}`, () => {
    expect(mayShareMemory(scope)).toBe(expected)
  })
}
