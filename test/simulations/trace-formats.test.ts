/** Traces of others: told apart by what is in them, and no session lost without a word. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseTrace, type Trace, traceOfRecords } from '../../simulations/traces/parse-trace.ts'

const FOLDER = 'test/simulations/traces'
const textOf = (name: string) => readFileSync(`${FOLDER}/${name}`, 'utf8')
const parse = (text: string, mergesOverlaps = false) =>
  parseTrace(text, { file: 'theirs', mergesOverlaps })
const spansOf = ({ rows }: Trace) =>
  rows.map(({ volunteer, startMs, endMs }) => [volunteer, startMs / 1000, endMs / 1000])

test('a Failure Trace Archive event is a session where its node is available', () => {
  const trace = parse(textOf('event_trace.tab'))
  expect(trace.format).toBe('failure-trace-archive')
  expect(spansOf(trace)).toEqual([
    ['3', 60, 3660],
    ['3', 5060, 12_260],
    ['7', 0, 7260],
    ['7', 7360.5, 11_060],
  ])
  expect(trace.rows[0]).toMatchObject({ end: 'vanish', stepMs: null })
  expect(trace.notes).toEqual([
    '2 events in which a node is away: no session',
    '1 event without a length: no session',
  ])
})

test('its columns are where their names are, with a # before them or without, or as usual', () => {
  const named = 'node_id\tevent_type\tevent_start_time\tevent_stop_time'
  for (const head of [named, `# ${named}`]) {
    expect(spansOf(parse(`${head}\n9\t1\t100\t160\n`))).toEqual([['9', 0, 60]])
  }
  expect(spansOf(parse('0\t0\t9\t0\tname\t1\t100\t160\t0\n'))).toEqual([['9', 0, 60]])
})

test("FedScale's clients are there from active to inactive", () => {
  const trace = parse(textOf('clients.json'))
  expect(trace.format).toBe('fedscale')
  expect(spansOf(trace)).toEqual([
    ['4', 0, 10_800],
    ['12', 60, 3600],
    ['12', 7200, 9000],
  ])
  expect(trace.notes).toEqual([
    "what FedScale repeats after a client's finish_time is taken once",
    '1 time without a length: no session',
  ])
})

test('tabs may separate our own columns', () => {
  const trace = parse('start\tvolunteer\tend\n5\tann\t9\n')
  expect([trace.format, spansOf(trace)]).toEqual(['csv', [['ann', 0, 4]]])
})

test('overlapping sessions become one where that is asked for, and are counted', () => {
  const text =
    'volunteer,start,end,how\nann,0,100,leave\nann,50,80,crash\nann,90,150,sleep\nann,150,160\n'
  const trace = parse(text, true)
  expect(spansOf(trace)).toEqual([
    ['ann', 0, 150],
    ['ann', 150, 160],
  ])
  expect(trace.rows[0]!.end).toBe('sleep')
  expect(trace.notes).toEqual([
    '2 sessions overlapped an earlier one of the same volunteer, and became part of it',
  ])
  expect(() => parse(text)).toThrow(
    "line 3, 'ann' comes at second 50, but is there until second 100",
  )
})

const event = (cells: string) => `# their events\n${cells.replaceAll(' ', '\t')}\n`

for (const [what, text, why] of [
  ['an event of no type', event('0 0 9 0 n up 1 2 0'), "line 2, 'event_type' must be one of"],
  ['an event of no node', event('0 0  0 n 1 1 2 0'), "line 2, 'node_id' is empty"],
  ['an event without an end', event('0 0 9 0 n 1 1'), "line 2, 'event_stop_time' must be a number"],
  ['an event that ends early', event('0 0 9 0 n 1 5 4 0'), 'must not be before'],
  ['an event in milliseconds', event('0 0 9 0 n 1 5 1700000000000 0'), 'Divide it by 1000'],
  ['events of nobody present', event('0 0 9 0 n 0 1 2 0'), 'there is no session'],
  [
    'a node that is there twice',
    `${event('0 0 9 0 n 1 0 5 0')}0\t1\t9\t0\tn\t1\t3\t8\t0`,
    'line 3',
  ],
  ['broken JSON', '{"1": {', 'the JSON cannot be read'],
  ['a client that is no object', '{"1": 5}', "client '1', 'active' must be a list"],
  ['lists of two lengths', '{"1":{"active":[1],"inactive":[]}}', 'they are 1 and 0'],
  ['a time that is none', '{"1":{"active":[null],"inactive":[1]}}', "session 1 of client '1'"],
  ['a client that ends early', '{"1":{"active":[5],"inactive":[1]}}', 'must not be before'],
] as const) {
  test(`refused: ${what}`, () => expect(() => parse(text)).toThrow(why))
}

test('a long value is repeated by its begin', () => {
  const text = `volunteer,start,end\nann,${'x'.repeat(1000)},5\n`
  expect(() => parse(text)).toThrow(`it is '${'x'.repeat(60)}…'`)
})

for (const [what, records, why] of [
  ['a row of an unknown column', [{ volunteer: 'a', start: 0, end: 1, mood: 2 }], "row 1, 'mood'"],
  ['a row without an end', [{ volunteer: 'a', start: 0 }], "row 1, 'end' must be a number"],
  ['a date', [{ volunteer: 'a', start: 0, end: new Date(0) }], "row 1, 'end' must be a number"],
] as const) {
  test(`refused: ${what}`, () =>
    expect(() => traceOfRecords(records, { file: 'theirs' })).toThrow(why))
}
