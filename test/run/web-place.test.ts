/** How long a server is waited for, in time that a test makes pass. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { webPlace } from '../../node/run/web-place.ts'

const MB = 1_000_000

/** So often, a piece of so many bytes after so many seconds. */
type Stretch = readonly [times: number, seconds: number, bytes: number]

function streamOf(stretches: readonly Stretch[]): ReadableStream<Uint8Array> {
  const pieces = stretches.flatMap(([times, seconds, bytes]) =>
    Array.from({ length: times }, () => ({ seconds, bytes })),
  )
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = pieces.shift()
        if (piece === undefined) return controller.close()
        await new Promise((resolve) => setTimeout(resolve, 1000 * piece.seconds))
        controller.enqueue(new Uint8Array(piece.bytes))
      },
    },
    { highWaterMark: 0 },
  )
}

/** What comes of a file that is sent so, and how long that takes. */
async function check(
  stretches: readonly Stretch[],
  workSeconds: number,
  expected: string | null,
  secondsMax: number,
): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  // A fetch that is aborted lets its body fail.
  const fetch = async (_: unknown, { signal }: RequestInit = {}) => {
    const body = streamOf(stretches)
    const aborted = new Promise<never>((_, reject) => {
      signal!.addEventListener('abort', () => reject(signal!.reason))
    })
    aborted.catch(() => {})
    const reader = body.getReader()
    const given = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await Promise.race([reader.read(), aborted])
          if (done) controller.close()
          else controller.enqueue(value)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(given)
  }
  const place = webPlace(new URL('http://127.0.0.1/'), { fetch: fetch as typeof globalThis.fetch })
  const since = performance.now()
  let ended: { reason: string | null; seconds: number } | null = null
  const reading = (async () => {
    for await (const _ of place.open('blob', 1_000 * MB)) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * workSeconds))
    }
  })()
  const settle = (reason: string | null) => {
    ended = { reason, seconds: (performance.now() - since) / 1000 }
  }
  void reading.then(
    () => settle(null),
    (error: Error) => settle(error.message),
  )
  while (ended === null) await vi.advanceTimersByTimeAsync(1_000)
  const { reason, seconds } = ended as { reason: string | null; seconds: number }
  if (expected === null) expect(reason).toBeNull()
  else expect(reason).toContain(expected)
  expect(seconds).toBeLessThanOrEqual(secondsMax)
}

for (const [what, stretches, workSeconds, expected, secondsMax] of [
  ['is fast', [[100, 0.1, MB]], 0, null, 12],
  ['keeps the pace', [[300, 1, 20_000]], 0, null, 310],
  [
    'starts slowly',
    [
      [20, 5, 100],
      [100, 0.1, MB],
    ],
    0,
    null,
    120,
  ],
  ['never gets faster', [[100, 5, 100]], 0, 'it comes too slowly', 125],
  [
    'stalls after a fast start',
    [
      [100, 0.1, MB],
      [100, 5, 100],
    ],
    0,
    'it comes too slowly',
    190,
  ],
  [
    'falls silent',
    [
      [10, 0.1, MB],
      [1, 1_000, MB],
    ],
    0,
    'nothing came for a while',
    35,
  ],
  ['is waited for less than its bytes are worked on', [[50, 0.1, 1_000]], 40, null, 2_010],
] as [string, Stretch[], number, string | null, number][]) {
  test(`a server that ${what}: ${expected ?? 'all of it comes'}`, () =>
    check(stretches, workSeconds, expected, secondsMax))
}
