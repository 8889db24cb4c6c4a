/** The proof of a run that goes on: how often it is made again, whoever asks how often. */
import { expect, test } from 'vitest'
import { createProofFiles } from '../../node/dashboard/proof-files.ts'
import { runFolder } from '../../node/run/run-folder.ts'

/** A run of which nothing is known but how long its journal is. */
const modelAt = (seq: () => number) => ({
  run: {
    get seq() {
      return seq()
    },
  },
  statedOf: () => null,
  unsettledLeases: () => new Set<number>(),
  isUnsettledManifest: () => false,
})

/** A journal that grows by the millisecond, in time that passes when asked. */
function world({ tookMs, fails }: { tookMs: number; fails: boolean }) {
  let ms = 0
  let made = 0
  const files = createProofFiles(
    runFolder('nowhere'),
    modelAt(() => ms),
    {
      now: () => ms,
      make: async () => {
        made += 1
        const bytes = Uint8Array.of(made)
        await null
        ms += tookMs
        if (fails) throw new Error('the disk is gone')
        return { index: bytes, journal: bytes }
      },
    },
  )
  return { files, pass: (by: number) => (ms += by), madeCount: () => made }
}

async function check(tookMs: number, fails: boolean, askedMs: number[], expected: number[]) {
  const { files, pass, madeCount } = world({ tookMs, fails })
  const counts: number[] = []
  for (const by of askedMs) {
    pass(by)
    const asked = [files.index(), files.journal(), files.index()]
    await Promise.allSettled(asked)
    counts.push(madeCount())
  }
  expect(counts).toEqual(expected)
}

for (const [what, tookMs, fails, askedMs, expected] of [
  ['a quick one, once a second', 10, false, [0, 500, 480, 10, 10], [1, 1, 1, 2, 2]],
  ['a slow one, for a tenth of the time', 3_000, false, [0, 20_000, 6_000, 2_000], [1, 1, 1, 2]],
  ['one that fails, as seldom', 3_000, true, [0, 20_000, 6_000, 2_000], [1, 1, 1, 2]],
] as [string, number, boolean, number[], number[]][]) {
  test(`made again: ${what}`, () => check(tookMs, fails, askedMs, expected))
}

test('a journal that has not grown needs no other proof', async () => {
  let ms = 0
  let made = 0
  const make = async () => {
    made += 1
    return { index: new Uint8Array(), journal: new Uint8Array() }
  }
  const files = createProofFiles(
    runFolder('nowhere'),
    modelAt(() => 7),
    { make, now: () => ms },
  )
  for (; ms < 100_000; ms += 10_000) await files.index()
  expect(made).toBe(1)
})
