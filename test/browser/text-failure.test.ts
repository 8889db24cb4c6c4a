/** Why a page could not write: each kind of error has a word of its own. */
import { expect, test } from 'vitest'
import { failureOf } from '../../node/browser/tab/text-failure.ts'
import type { FailureCode } from '../../node/browser/tab/text-messages.ts'
import { LostBytesError, StorageError } from '../../node/storage/errors.ts'
import { ConfigError, ProtocolError } from '../../protocol/errors.ts'

const quota = new DOMException('no room', 'QuotaExceededError')
const busy = new DOMException('in use', 'NoModificationAllowedError')

for (const [what, error, code] of [
  ['a fetch that nobody answers', new TypeError('Failed to fetch'), 'fetch'],
  ['other bytes than were named', new ProtocolError('malformed', 'more came'), 'damaged'],
  ['a tokenizer that cannot be', new ConfigError('no vocabulary'), 'damaged'],
  ['a blob that was damaged', new LostBytesError('damaged', 'was damaged'), 'damaged'],
  ['a store that is full', new StorageError('full', 'no more room'), 'full'],
  ['a browser that gives no room', quota, 'full'],
  ['another tab at the same file', busy, 'broken'],
  ['anything else', new Error('what?'), 'broken'],
] as [string, Error, FailureCode][]) {
  test(`${what} is '${code}'`, () => {
    expect(failureOf(error, 'broken').code).toBe(code)
  })
}

test('a reason is that of the error', () => {
  expect(failureOf(new Error('what?'), 'fetch')).toEqual({ code: 'fetch', reason: 'what?' })
})

test('another tab at the same file is said in words', () => {
  expect(failureOf(busy, 'broken').reason).toMatch(/^Another tab of this browser fetches the same/)
})
