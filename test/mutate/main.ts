/**
 * `npm run mutate -- [ROOM or FILE ...] [--minutes 10] [--seed 1] [--tests PATH ...]`: plants small
 * faults in the pure rooms, one at a time, and tells which of them the room's own tests do not
 * notice. Files of one room share its minutes and one child that keeps its tests.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { prng, shuffle } from '../../protocol/prng.ts'
import { type Mutation, mutated, mutationsOf } from './mutations.ts'
import type { Mutant, Verdict } from './suite.ts'

/** A mutant may take this many times as long as the whole suite, and then this much longer. */
const PATIENCE_FACTOR = 3
const PATIENCE_EXTRA_MS = 5_000
const START_MS_MAX = 300_000
const ROOMS = ['protocol', 'coordinator']

interface Candidate extends Mutation {
  path: string
  text: string
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', multiple: true },
  },
})
const placesByRoom = Map.groupBy(positionals.length > 0 ? positionals : ROOMS, roomOf)

function roomOf(place: string): string {
  const [room = place] = place.split('/')
  return room
}

/** All mutants of rooms or files, in the seed's order. */
function candidatesIn(places: readonly string[]): Candidate[] {
  const listed = execFileSync('git', ['ls-files', '--', ...places], { encoding: 'utf8' })
  const paths = listed.split('\n').filter((path) => path.endsWith('.ts'))
  const found = paths.flatMap((path) => {
    const text = readFileSync(path, 'utf8')
    return mutationsOf(text).map((mutation) => ({ ...mutation, path, text }))
  })
  return shuffle(prng(Number(values.seed)), found)
}

/** What the child says next, or nothing where that takes too long or it ended. */
async function hear(child: ChildProcess, limitMs: number): Promise<Verdict | undefined> {
  const { promise, resolve: settle } = Promise.withResolvers<Verdict | undefined>()
  const nothing = () => settle(undefined)
  const alarm = setTimeout(nothing, limitMs)
  child.once('message', settle).once('exit', nothing)
  const verdict = await promise
  clearTimeout(alarm)
  child.off('message', settle).off('exit', nothing)
  return verdict
}

const oneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 80 ? `${line.slice(0, 77)}...` : line
}

function report(outcome: string, { path, line, text, start, end, replacement }: Candidate): void {
  const change = `${oneLine(text.slice(start, end))}  ->  ${oneLine(replacement)}`
  process.stdout.write(`${outcome}  ${path}:${line}  ${change}\n`)
}

async function startSuite(room: string): Promise<{ suite: ChildProcess; durationMs: number }> {
  const suite = fork(new URL('./suite.ts', import.meta.url), values.tests ?? [`test/${room}/`])
  const verdict = await hear(suite, START_MS_MAX)
  if (verdict?.type === 'ready') return { suite, durationMs: verdict.durationMs }
  suite.kill('SIGKILL')
  throw new Error(`Cannot mutate ${room} as its tests must pass: ${JSON.stringify(verdict)}`)
}

interface Tally {
  killed: number
  timeout: number
  survived: number
}

function sumUp(what: string, mutants: number, { killed, timeout, survived }: Tally): void {
  const asked = killed + timeout + survived
  const percent = ((100 * (killed + timeout)) / asked).toFixed(1)
  process.stdout.write(
    `${what}: ${asked} of ${mutants} mutants, ${percent} % noticed: ` +
      `${killed} killed, ${timeout} out of time, ${survived} survived\n`,
  )
}

async function mutate(room: string, places: readonly string[], budgetMs: number): Promise<void> {
  const candidates = candidatesIn(places)
  const tallies = new Map<string, Tally>()
  const all: Tally = { killed: 0, timeout: 0, survived: 0 }
  let { suite, durationMs } = await startSuite(room)
  const limitMs = Math.ceil(PATIENCE_FACTOR * durationMs) + PATIENCE_EXTRA_MS
  const startMs = performance.now()
  for (const candidate of candidates) {
    if (performance.now() - startMs > budgetMs) break
    const mutant: Mutant = { path: resolve(candidate.path), text: mutated(candidate) }
    suite.send(mutant)
    const verdict = await hear(suite, limitMs)
    const killedBy = verdict?.type === 'judged' ? verdict.killedBy : undefined
    const outcome = verdict === undefined ? 'timeout' : killedBy ? 'killed' : 'survived'
    const tally = tallies.get(candidate.path) ?? { killed: 0, timeout: 0, survived: 0 }
    tallies.set(candidate.path, tally)
    tally[outcome] += 1
    all[outcome] += 1
    if (outcome === 'survived') report(outcome, candidate)
    if (outcome !== 'timeout') continue
    suite.kill('SIGKILL')
    suite = (await startSuite(room)).suite
  }
  suite.kill('SIGKILL')
  for (const [path, tally] of [...tallies].sort()) {
    sumUp(path, candidates.filter((candidate) => candidate.path === path).length, tally)
  }
  if (tallies.size > 1) sumUp(`${room}, all of these`, candidates.length, all)
}

process.stdout.write(`seed=${values.seed}\n`)
const budgetMs = (Number(values.minutes) * 60_000) / placesByRoom.size
for (const [room, places] of placesByRoom) await mutate(room, places, budgetMs)
