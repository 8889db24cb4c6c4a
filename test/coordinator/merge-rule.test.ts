/** How a round is merged, by what came of the audits of the rounds before. */
import { expect, test } from 'vitest'
import { failureShare, mergeRuleOf } from '../../coordinator/merge-rule.ts'
import { type CoordinatorState, initialState, type MergedRound } from '../../coordinator/state.ts'
import type { AuditCounts } from '../../protocol/messages.ts'
import { runIdOf } from '../../protocol/run-config.ts'
import { blobNamed, exampleConfig } from '../protocol/example-config.ts'

const config = exampleConfig()
const initial = initialState(config, runIdOf(config), {
  base: blobNamed('base').digest,
  payloadBytes: 1,
})

/** Rounds after which so many audits had passed and failed, in all. */
function historyOf(counts: readonly (readonly [passed: number, failed: number])[]): MergedRound[] {
  return counts.map(([passed, failed]) => {
    const audits: AuditCounts = { looks: passed, fulls: 0, mismatches: failed, lapsed: 0 }
    const { start } = initial.round
    const blobs = { manifest: blobNamed('manifest'), outerState: blobNamed('outer') }
    return { start, outerScale: 1, audits, ...blobs, contributions: [], corrections: [] }
  })
}

const STEADY = [1, 2, 3, 4, 5, 6].map((round) => [100 * round, 2 * round] as const)

for (const [what, counts, expected] of [
  ['nothing is audited', [], 'mean'],
  ['two of a hundred and two fail, round for round', STEADY, 'mean'],
  ['one of ten fails', [[9, 1]], 'trimmed'],
  [
    'some failed in the latest of five rounds',
    [
      [500, 0],
      [600, 0],
      [700, 20],
    ],
    'trimmed',
  ],
  [
    'all that failed were before the last five',
    [
      [0, 50],
      [10, 50],
      [20, 50],
      [30, 50],
      [40, 50],
      [50, 50],
    ],
    'mean',
  ],
  [
    'five rounds go back so far',
    [
      [0, 50],
      [10, 50],
      [20, 50],
      [30, 50],
      [40, 50],
    ],
    'trimmed',
  ],
] as const) {
  test(`${expected} where ${what}`, () => {
    expect(mergeRuleOf(standing({ history: historyOf(counts) }))).toBe(expected)
  })
}

function standing(
  of: Partial<CoordinatorState>,
): Pick<CoordinatorState, 'config' | 'history' | 'refusedMerges'> {
  return { ...initial, ...of }
}

test('trimmed where the run says so, or its last merge was not published', () => {
  const config = exampleConfig({ aggregation: { merge: 'trimmed' } })
  expect(mergeRuleOf(standing({ config }))).toBe('trimmed')
  expect(mergeRuleOf(standing({ refusedMerges: { inARow: 1, total: 1 } }))).toBe('trimmed')
  expect(mergeRuleOf(standing({ refusedMerges: { inARow: 0, total: 4 } }))).toBe('mean')
})

test('gradients are always averaged', () => {
  const config = exampleConfig({ training: { mode: 'gradient' } })
  expect(mergeRuleOf(standing({ config, history: historyOf([[0, 9]]) }))).toBe('mean')
})

test('no audits fail where none are made', () => {
  const none = { looks: 3, fulls: 2, mismatches: 1, lapsed: 0 }
  expect(failureShare(none, none)).toBe(0)
  expect(failureShare(none, { looks: 5, fulls: 3, mismatches: 2, lapsed: 7 })).toBe(1 / 4)
})
