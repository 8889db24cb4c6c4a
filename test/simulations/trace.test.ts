/** Sessions from a table: what they say, what they must not say, and that they are what happens. */
import { expect, test } from 'vitest'
import { createEventQueue } from '../../simulations/event-queue.ts'
import { prepareSimulation } from '../../simulations/main.ts'
import { churnOfTrace, parseTrace } from '../../simulations/trace.ts'

const TABLE = 'volunteer,start,end,how,step_ms,up_mbit\nann,0,3600,leave,9000,8\nben,120.5,900,,,\n'

test('each line is a session of its volunteer', () => {
  const seen: [number, number, number, string, number][] = []
  const queue = createEventQueue()
  churnOfTrace(1, parseTrace(TABLE)).start(queue, ({ host, startsAt, endsAt, end }) =>
    seen.push([host.index, startsAt, endsAt, end, host.stepMs]),
  )
  queue.runUntil(4e6)
  expect(seen).toEqual([
    [0, 0, 3_600_000, 'leave', 9000],
    [1, 120_500, 900_000, 'vanish', expect.any(Number)],
  ])
})

for (const [what, table, why] of [
  ['nothing', '', "line 1, '' is no column"],
  ['no session', 'volunteer,start,end', 'line 2, there is no session'],
  ['no end', 'volunteer,start\nann,0', "line 1, column 'end' is missing"],
  ['a strange column', 'volunteer,start,end,mood\n', "line 1, 'mood' is no column"],
  ['no name', 'volunteer,start,end\n,0,1', "line 2, 'volunteer' is empty"],
  ['words for a time', 'volunteer,start,end\nann,noon,1', "line 2, 'start' must be a number"],
  ['an end before the start', 'volunteer,start,end\na,0,1\na,5,4', "line 3, 'end' must be after"],
  ['a strange end', 'volunteer,start,end,how\na,0,1,explode', "line 2, 'how' must be one of"],
  ['one who is there twice', 'volunteer,start,end\na,0,9\na,5,12', 'a is there twice at second 5'],
] as const) {
  test(`refused: ${what}`, () => expect(() => parseTrace(table)).toThrow(why))
}

/** Who leaves ends a step and uploads it. */
const FAREWELL_MS = 30_000

test('a run under a trace ends its work where the trace ends', () => {
  const request = {
    ...{ seed: 1, preset: '', volunteers: 0, days: 0.1, config: null, swarm: false },
    set: ['round.seconds=300'],
  }
  const day = prepareSimulation({ ...request, trace: parseTrace(TABLE) }).run(() => {})
  expect(day.violations).toEqual([])
  expect(day.batches).toBeGreaterThan(0)
  expect(day.totals.online).toBeLessThan(3_600_000 + 779_500 + FAREWELL_MS)
})
