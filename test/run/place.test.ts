/** What is read of a published run, until somebody has enough of it. */
import { expect, test } from 'vitest'
import { type Place, readWhole, untilAborted } from '../../node/run/place.ts'

test('once its signal has aborted a place gives nothing more of a file', async () => {
  const stop = new AbortController()
  let given = 0
  let isClosed = false
  const place = {
    async *open() {
      try {
        for (; given < 3; given++) {
          if (given === 1) stop.abort()
          yield new Uint8Array(1)
        }
      } finally {
        isClosed = true
      }
    },
  } as unknown as Place
  const until = untilAborted(place, stop.signal)
  await expect(readWhole(until, 'a', 9)).rejects.toThrow('aborted')
  await expect(readWhole(until, 'b', 9)).rejects.toThrow('aborted')
  expect(given).toBe(1)
  expect(isClosed).toBe(true)
})
