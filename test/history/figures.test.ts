/** Figures for people, wherever they read them: also where an engine knows no language at all. */
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  auditCount,
  auditWords,
  byteSize,
  compact,
  doneOf,
  duration,
  speedOf,
  timeLeft,
} from '../../node/history/figures.ts'
import type { PeerRow, RunRow } from '../../node/history/rows.ts'

for (const [value, expected] of [
  [0, '0'],
  [7, '7'],
  [0.25, '0.3'],
  [999, '999'],
  [999.96, '1K'],
  [1000, '1K'],
  [1234, '1.2K'],
  [99_949, '99.9K'],
  [999_949, '999.9K'],
  [999_950, '1M'],
  [1_234_567, '1.2M'],
  [4.2e12, '4.2T'],
  [4.2e15, '4200T'],
] as const) {
  test(`${value} in short is ${expected}`, () => expect(compact(value)).toBe(expected))
}

for (const [bytes, expected] of [
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [26_300_000, '26.3 MB'],
  [2e9, '2.0 GB'],
] as const) {
  test(`${bytes} bytes are ${expected}`, () => expect(byteSize(bytes)).toBe(expected))
}

for (const [counts, words, count] of [
  [[0, 0, 0, 0], '0 looks and 0 in full, all right', '0'],
  [[1, 3, 0, 0], '1 look and 3 in full, all right', '4'],
  [
    [1200, 34, 2, 5],
    '1200 looks and 34 in full, and 2 found wrong; for 5 nobody had time',
    '1.2K, 2 wrong',
  ],
] as const) {
  test(`audits in words: ${words}`, () => {
    const [looks, fulls, mismatches, lapsed] = counts
    const audits = { looks, fulls, mismatches, lapsed }
    expect([auditWords(audits), auditCount(audits)]).toEqual([words, count])
  })
}

for (const [ms, expected] of [
  [-1, '0 s'],
  [59_400, '59 s'],
  [59_600, '1 min'],
  [3_700_000, '1 h 2 min'],
  [47 * 3_600_000, '47 h 0 min'],
  [49 * 3_600_000, '2 days'],
] as const) {
  test(`${ms} ms are ${expected}`, () => expect(duration(ms)).toBe(expected))
}

const RUN = {
  phase: 'training',
  round: 2,
  roundsMax: 8,
  batchesCounted: 50,
  batchesMax: 100,
  startedAt: 0,
  at: 60_000,
  stepTokens: 100,
} as RunRow

for (const [what, change, done, left] of [
  ['half the batches', {}, 0.5, '1 min'],
  ['more of the rounds than of the batches', { round: 6 }, 0.75, '20 s'],
  ['no limit of rounds', { round: 6, roundsMax: null }, 0.5, '1 min'],
  ['nothing yet', { round: 0, batchesCounted: 0 }, 0, 'not known'],
  ['the end', { phase: 'finished' }, 1, 'finished'],
] as [string, Partial<RunRow>, number, string][]) {
  test(`${what}: ${left} left`, () => {
    expect(doneOf({ ...RUN, ...change })).toBe(done)
    expect(timeLeft({ ...RUN, ...change })).toBe(left)
  })
}

test('the speed is that of those who are here, as far as it is known', () => {
  const peers = [
    { state: 'here', stepMs: 1000 },
    { state: 'here', stepMs: 500 },
    { state: 'here', stepMs: null },
    { state: 'away', stepMs: 100 },
  ] as PeerRow[]
  expect(speedOf(RUN, peers)).toBe(300)
})

for (const [language, hasIntl] of [
  ['a language', true],
  ['none', false],
] as const) {
  test(`times and names, where the engine knows ${language}`, async () => {
    const refuse = () => {
      throw new RangeError('invalid language tag')
    }
    if (!hasIntl) vi.stubGlobal('Intl', { DateTimeFormat: refuse, Collator: refuse })
    onTestFinished(() => {
      vi.unstubAllGlobals()
      vi.resetModules()
    })
    vi.resetModules()
    const { timeOfDay, compareNames } = await import('../../node/history/locale.ts')
    expect(timeOfDay(0)).toMatch(/\d{1,2}:\d{2}:\d{2}/)
    expect(['ben', 'ada', 'cleo', 'ada'].sort(compareNames)).toEqual(['ada', 'ada', 'ben', 'cleo'])
  })
}
