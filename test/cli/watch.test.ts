/** Watching from a terminal: the stream is followed to what the coordinator knows, and resumed. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { exitCodeOf, messageOf } from '../../node/cli/failure.ts'
import { sparkline, watch } from '../../node/cli/watch.ts'
import { gridLines, refusalLines } from '../../node/cli/watch-grid.ts'
import { createPages } from '../../node/dashboard/server.ts'
import { followRun, nothingSeen } from '../../node/history/events.ts'
import {
  applyChanges,
  type Changes,
  emptyTables,
  type LeaseState,
  type Tables,
} from '../../node/history/rows.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { playTranscript } from '../history/transcript-events.ts'

const { model } = playTranscript('coordinator-merge.txt')

async function serve(answer: Parameters<typeof createServer>[1] & object): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function next(page: string, seen: ReturnType<typeof nothingSeen>) {
  const stop = new AbortController()
  const stream = followRun(page, seen, stop.signal)
  const { value } = await stream.next()
  stop.abort()
  await stream.return(undefined).catch(() => {})
  return value!.changes
}

test('the first event holds all there is; whoever comes back gets what is new', async () => {
  const invitation = { run: 'run', coordinator: 'x', kind: 'link', link: null } as const
  const isInvited = async () => false
  const order = async () => ({ accepted: false, said: [] })
  const doors = { invitation, isInvited, order, admin: 'admin', folder: runFolder('none') }
  const { answer, close } = createPages({ ...doors, model })
  onTestFinished(close)
  const page = await serve(answer)
  const seen = nothingSeen()
  expect(await next(page, seen)).toMatchObject({ reset: true, seq: model.run.seq })
  expect([...seen.tables.peers.keys()]).toEqual(
    model.changesFrom(null).peers.map(({ peer }) => peer),
  )
  expect(await next(page, seen)).toMatchObject({ reset: false })
})

test('what shows no run is said to', async () => {
  const page = await serve((_request, response) => response.end('<p>hello'))
  await expect(next(page, nothingSeen())).rejects.toThrow('shows no run: 200')
})

test('a curve as bars', () => {
  expect(sparkline([3, 2, 1])).toBe('█▅▁')
  expect(sparkline([2, 2])).toBe('▁▁')
})

type Answer = 'training' | 'finished' | 'busy'

/** What a run in some phase sends to whoever comes. */
function changesIn(phase: 'training' | 'finished'): Changes {
  const all = structuredClone(model.changesFrom(null))
  return { ...all, run: { ...all.run, phase, refusals: { 'bad-token': 2 } } }
}

/** Watches a coordinator that answers so, one request after the other; the last for ever. */
async function watchAnswers(answers: readonly Answer[], json: boolean) {
  const came: (string | undefined)[] = []
  const page = await serve(({ headers }, response) => {
    const answer = answers[Math.min(came.length, answers.length - 1)]!
    came.push(headers['last-event-id'] as string | undefined)
    if (answer === 'busy') return void response.writeHead(503).end()
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.end(`data: ${JSON.stringify(changesIn(answer))}\nid: run:${came.length}\n\n`)
  })
  const written: string[] = []
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text))
    return true
  })
  const patience = { retryMs: 0, retriesMax: 2 }
  const error = await watch(page, { json }, patience).then(
    () => null,
    (reason: Error) => reason,
  )
  spy.mockRestore()
  return { came, lines: written.join('').split('\n').slice(0, -1), error }
}

for (const [what, answers, phases, requests] of [
  ['a run that is over', ['finished'], ['finished'], [undefined]],
  [
    'one that breaks off twice',
    ['training', 'busy', 'busy', 'finished'],
    ['training', 'finished'],
    [undefined, 'run:1', 'run:1', 'run:1'],
  ],
] as const) {
  test(`--json of ${what}: a value a line, from where it broke off, to its end`, async () => {
    const { came, lines, error } = await watchAnswers(answers, true)
    expect(error).toBe(null)
    expect(lines.map((line) => JSON.parse(line).run.phase)).toEqual(phases)
    expect(came).toEqual(requests)
  })
}

for (const [what, answers, count] of [
  ['that never answers', ['busy'], 1],
  ['that is gone for good', ['training', 'busy'], 4],
] as const) {
  test(`a coordinator ${what} is asked ${count} times, and the exit code is 4`, async () => {
    const { came, error } = await watchAnswers(answers, false)
    expect(exitCodeOf(error)).toBe(4)
    expect(messageOf(error)).toMatch(
      /^Cannot reach the run at http:.* \(what answers there shows no run: 503 \)\. Is it still /,
    )
    expect(came.length).toBe(count)
  })
}

test('at the end of a run its leases and refusals stay in sight', async () => {
  const { lines, error } = await watchAnswers(['finished'], false)
  expect(error).toBe(null)
  const tables = emptyTables()
  applyChanges(tables, changesIn('finished'))
  const last = [...gridLines(tables, 79), ...refusalLines(tables)]
  expect(lines.slice(-last.length)).toEqual(last)
  expect(last.at(-1)).toContain('2× bad-token')
  const [first] = tables.log.values()
  const time = new Date(first!.at).toTimeString().slice(0, 8)
  expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^\\S*${time}\\S*  `)))
})

/** Leases of one round in these states, so many of each. */
function tablesWith(counts: Partial<Record<LeaseState, number>>): Tables {
  const tables = emptyTables()
  for (const [state, count] of Object.entries(counts)) {
    for (let more = 0; more < count; more++) {
      const leaseId = tables.leases.size
      const row = { seq: 0, leaseId, round: 1, peer: 'x', steps: 1, reason: null, tokens: 0 }
      tables.leases.set(leaseId, { ...row, state: state as LeaseState, loss: null, bytes: 0 })
    }
  }
  return tables
}

for (const [counts, width, expected] of [
  [{}, 40, undefined],
  [{ leased: 2, committed: 1, stored: 1 }, 40, 'round 2 (4) ··↑+'],
  [{ counted: 3, lost: 1, rejected: 1 }, 40, 'round 2 (5) ███×!'],
  [{ counted: 9_998, rejected: 2 }, 27, 'round 2 (10000) █████████!'],
] as const) {
  test(`${JSON.stringify(counts)} in ${width} columns`, () => {
    const lines = gridLines(tablesWith(counts), width)
    expect(lines[0]).toBe(expected)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
  })
}
