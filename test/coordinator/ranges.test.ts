/** The ledger of batches and the sets it is made of. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  assign,
  checkLedger,
  countBatches,
  emptyLedger,
  giveBack,
  uncountBatches,
} from '../../coordinator/assignment.ts'
import {
  addRange,
  type Range,
  type RangeSet,
  removeRange,
  takeFirst,
} from '../../coordinator/ranges.ts'

import { describeRanges } from './describe.ts'

function setOf(...ranges: [number, number][]): RangeSet {
  const set: RangeSet = []
  for (const [start, end] of ranges) addRange(set, { start, end })
  return set
}

for (const [added, expected] of [
  [[[0, 2]], '[0,2)'],
  [
    [
      [4, 6],
      [0, 2],
    ],
    '[0,2) [4,6)',
  ],
  [
    [
      [0, 2],
      [2, 4],
    ],
    '[0,4)',
  ],
  [
    [
      [2, 4],
      [0, 2],
    ],
    '[0,4)',
  ],
  [
    [
      [0, 2],
      [4, 6],
      [2, 4],
    ],
    '[0,6)',
  ],
  [[], '-'],
] as [[number, number][], string][]) {
  test(`adding ${JSON.stringify(added)} makes ${expected}`, () => {
    expect(describeRanges(setOf(...added))).toBe(expected)
  })
}

for (const [range, message] of [
  [[1, 3], 'there already'],
  [[0, 1], 'there already'],
  [[3, 9], 'there already'],
  [[7, 7], 'must not be empty'],
] as const) {
  test(`adding [${range}) to [0,2) [4,6) breaks an invariant`, () => {
    const set = setOf([0, 2], [4, 6])
    expect(() => addRange(set, { start: range[0], end: range[1] })).toThrow(message)
  })
}

test('a set of ranges behaves like a set of numbers', () => {
  const operation = fc.record({ start: fc.nat(60), length: fc.integer({ min: 1, max: 8 }) })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(20), (operations, taken) => {
      const set: RangeSet = []
      const model = new Set<number>()
      for (const { start, length } of operations) {
        const indexes = Array.from({ length }, (_, offset) => start + offset)
        if (indexes.some((index) => model.has(index))) continue
        addRange(set, { start, end: start + length })
        for (const index of indexes) model.add(index)
      }
      const first = takeFirst(set, taken + 1)
      const lowest = Math.min(...model)
      if (first === null) expect(model.size).toBe(0)
      else {
        expect(first.start).toBe(lowest)
        for (let index = first.start; index < first.end; index++) model.delete(index)
      }
      const listed = set.flatMap(({ start, end }) =>
        Array.from({ length: end - start }, (_, offset) => start + offset),
      )
      expect(listed).toEqual([...model].sort((a, b) => a - b))
      for (const [at, { start }] of set.entries()) {
        if (at > 0) expect(start, 'ranges never touch').toBeGreaterThan(set[at - 1]!.end)
      }
    }),
  )
})

test('owed batches go out first, lowest first, and remainders at the front are fresh again', () => {
  const ledger = emptyLedger()
  const [a, b, c] = [assign(ledger, 4), assign(ledger, 4), assign(ledger, 4)]
  expect([a, b, c]).toEqual([
    { start: 0, end: 4 },
    { start: 4, end: 8 },
    { start: 8, end: 12 },
  ])
  giveBack(ledger, { start: 5, end: 8 })
  giveBack(ledger, { start: 0, end: 4 })
  expect(describeRanges(ledger.owed)).toBe('[0,4) [5,8)')
  giveBack(ledger, { start: 10, end: 12 })
  expect(ledger.next, 'the frontier moves back').toBe(10)
  expect(assign(ledger, 8)).toEqual({ start: 0, end: 4 })
  expect(assign(ledger, 2)).toEqual({ start: 5, end: 7 })
  expect(assign(ledger, 8)).toEqual({ start: 7, end: 8 })
  expect(assign(ledger, 3)).toEqual({ start: 10, end: 13 })
})

test('giving back the last owed gap moves the frontier to its start', () => {
  const ledger = emptyLedger()
  assign(ledger, 9)
  giveBack(ledger, { start: 3, end: 6 })
  giveBack(ledger, { start: 6, end: 9 })
  expect(ledger).toEqual({ next: 3, owed: [], counted: [] })
})

const held: Range[] = [{ start: 0, end: 4 }]
for (const [what, change, message] of [
  ['is held and counted', (l) => countBatches(l, { start: 2, end: 4 }), 'batch 2'],
  ['is nowhere', (l) => l.owed.shift(), 'batches 4 to 8 are nowhere'],
  ['is owed and held', (l) => l.owed.unshift({ start: 0, end: 1 }), 'batch 0'],
] as [string, (ledger: ReturnType<typeof emptyLedger>) => unknown, string][]) {
  test(`the ledger notices when a batch ${what}`, () => {
    const ledger = { next: 8, owed: [{ start: 4, end: 8 }], counted: [] }
    checkLedger(ledger, held)
    change(ledger)
    expect(() => checkLedger(ledger, held)).toThrow(message)
  })
}

for (const [removed, expected] of [
  [[4, 6], '[0,4) [6,10)'],
  [[0, 4], '[4,10)'],
  [[6, 10], '[0,6)'],
  [[0, 10], '-'],
] as const) {
  test(`[0,10) without [${removed.join()}) is ${expected}`, () => {
    const set = setOf([0, 10])
    removeRange(set, { start: removed[0], end: removed[1] })
    expect(describeRanges(set)).toBe(expected)
  })
}

for (const [start, end] of [
  [1, 5],
  [2, 7],
  [7, 8],
  [3, 3],
] as const) {
  test(`what is not there, [${start},${end}) of [2,4) and [5,7), is not taken out`, () => {
    const set = setOf([2, 4], [5, 7])
    expect(() => removeRange(set, { start, end })).toThrow('not all there')
    expect(describeRanges(set)).toBe('[2,4) [5,7)')
  })
}

test('what counted and counts no more is owed, or as good as never handed out', () => {
  const ledger = emptyLedger()
  for (const _ of [0, 1, 2]) countBatches(ledger, assign(ledger, 4))
  uncountBatches(ledger, { start: 2, end: 4 })
  expect(describeRanges(ledger.owed)).toBe('[2,4)')
  uncountBatches(ledger, { start: 8, end: 12 })
  expect(ledger.next).toBe(8)
  checkLedger(ledger, [])
})
