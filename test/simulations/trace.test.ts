/** Sessions from a table: what they say, what they must not say, and that they are what happens. */
import { expect, test } from 'vitest'
import { createEventQueue } from '../../simulations/event-queue.ts'
import { prepareSimulation } from '../../simulations/index.ts'
import { churnOfTrace, traceExtent, traceWithin } from '../../simulations/trace.ts'
import { parseTrace } from '../../simulations/traces/parse-trace.ts'

const rowsOf = (text: string) => parseTrace(text, { file: 'mine.csv' }).rows

const TABLE = 'volunteer,start,end,how,step_ms,up_mbit\nann,0,3600,leave,9000,8\nben,120.5,900,,,\n'

test('each line is a session of its volunteer', () => {
  const seen: [number, number, number, string, number][] = []
  const queue = createEventQueue()
  churnOfTrace(1, rowsOf(TABLE)).start(queue, ({ host, startsAt, endsAt, end }) =>
    seen.push([host.index, startsAt, endsAt, end, host.stepMs]),
  )
  queue.runUntil(4e6)
  expect(seen).toEqual([
    [0, 0, 3_600_000, 'leave', 9000],
    [1, 120_500, 900_000, 'vanish', expect.any(Number)],
  ])
})

test('a run begins with the first session, whatever its clock says', () => {
  const epoch = 'volunteer,start,end\nben,1700000060,1700000090\nann,1700000000,1700003600\n'
  expect(rowsOf(epoch).map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
    [60_000, 90_000],
    [0, 3_600_000],
  ])
})

test('a trace knows how long it is, and what begins in time', () => {
  const rows = rowsOf('volunteer,start,end\na,0,100\nb,864,8640\na,86400,172800')
  expect(traceExtent(rows)).toEqual({ volunteers: 2, sessions: 3, days: 2 })
  expect(traceExtent(traceWithin(rows, 1))).toEqual({ volunteers: 2, sessions: 2, days: 0.1 })
  expect(traceExtent(traceWithin(rows, 0.01)).volunteers).toBe(1)
})

for (const [what, table, why] of [
  ['nothing', '', "mine.csv' as, in line 1, '' is no column"],
  ['no session', 'volunteer,start,end', 'there is no session'],
  ['no end', 'volunteer,start\nann,0', "line 1, column 'end' is missing"],
  ['a strange column', 'volunteer,start,end,mood\n', "line 1, 'mood' is no column"],
  ['no name', 'volunteer,start,end\n,0,1', "line 2, 'volunteer' is empty"],
  ['words for a time', 'volunteer,start,end\nann,noon,1', "line 2, 'start' must be a number"],
  ['an end before the start', 'volunteer,start,end\na,0,1\na,5,4', "line 3, 'end' must be after"],
  [
    'milliseconds',
    'volunteer,start,end\na,1700000000000,1700000060000',
    "'start' must be in seconds",
  ],
  ['a strange end', 'volunteer,start,end,how\na,0,1,explode', "line 2, 'how' must be one of"],
  [
    'one who is there twice',
    'volunteer,start,end\na,0,9\na,5,12',
    "line 3, 'a' comes at second 5, but is there until second 9 by line 2",
  ],
] as const) {
  test(`refused: ${what}`, () => expect(() => rowsOf(table)).toThrow(why))
}

for (const how of ['leave', 'sleep', 'crash', 'vanish']) {
  test(`no lease of one whose session ends with ${how} is shown as open for long`, () => {
    const table = `volunteer,start,end,how,step_ms\nann,0,7200,,9000\nben,0,900,${how},9000\n`
    const { history } = prepareSimulation({
      seed: 1,
      preset: '',
      volunteers: 0,
      days: 7200 / 86_400,
      config: null,
      swarm: false,
      set: ['round.seconds=5400'],
      trace: rowsOf(table),
    }).run(() => {})
    const ends = history.bars.filter(({ peer }) => peer === 'v1').map(({ to }) => to ?? Infinity)
    expect(ends).not.toEqual([])
    expect(Math.max(...ends)).toBeLessThan(1_300_000)
  })
}

/** Who leaves ends a step and uploads it. */
const FAREWELL_MS = 30_000

test('a run under a trace ends its work where the trace ends', () => {
  const request = {
    seed: 1,
    preset: '',
    volunteers: 0,
    days: 0.1,
    config: null,
    swarm: false,
    set: ['round.seconds=300'],
  }
  const day = prepareSimulation({ ...request, trace: rowsOf(TABLE) }).run(() => {})
  expect(day.violations).toEqual([])
  expect(day.batches).toBeGreaterThan(0)
  expect(day.totals.online).toBeLessThan(3_600_000 + 779_500 + FAREWELL_MS)
})
