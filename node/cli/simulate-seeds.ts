/** `barnraise simulate --seeds N`: the same with several seeds, on all cores, and what they say. */

import {
  differencesOf,
  type SimulationRequest,
  type Summary,
  summariesOf,
} from '../../simulations/index.ts'
import { byteSize } from '../history/figures.ts'
import { type Printer, printJson } from './output.ts'
import { jobsOf, simulateAll, type Varied } from './simulate-pool.ts'
import { failIfUseless, percent } from './simulate-words.ts'
import { bar, type Screen } from './terminal.ts'

interface SeedOptions {
  seed: number
  jobs: string
  run?: string
  compare?: string[]
  json?: boolean
  print: Printer
}

const BAR_WIDTH = 20

/** Simulates several seeds of each run; the runs are compared seed by seed, each with the first. */
export async function simulateMany(
  options: SeedOptions,
  seeds: number,
  screen: Screen,
  requestOf: (run: string | null) => Promise<SimulationRequest>,
): Promise<void> {
  const { compare, run, print, jobs } = options
  const threads = jobsOf(jobs)
  const runs = compare ?? [run ?? null]
  const all: Varied[][] = []
  for (const [index, each] of runs.entries()) {
    const request = await requestOf(each)
    const results = await simulateSeeds(request, seeds, threads, (done) =>
      screen.update(`${bar(done / seeds, BAR_WIDTH)} ${done} of ${seeds} seeds`),
    )
    screen.clear()
    print.line(`${each ?? 'the run'}, ${seeds} seeds from ${options.seed}:`)
    print.columns(summaryRows(summariesOf(figuresIn(results))))
    all.push(results)
    if (index === 0) continue
    print.line(`\n${each} less ${runs[0]}, seed by seed:`)
    print.columns(summaryRows(difference(all[0]!, results)))
  }
  if (options.json) printJson(all.map((results, index) => jsonOf(runs[index]!, results, all[0]!)))
  failIfUseless(all.flat())
}

/** One simulation for each seed, in the order of the seeds. */
export async function simulateSeeds(
  request: SimulationRequest,
  count: number,
  jobs: number,
  onDone: (done: number) => void,
): Promise<Varied[]> {
  const { seed, set } = request
  const variations = Array.from({ length: count }, (_, index) => ({ seed: seed + index, set }))
  const results: Varied[] = []
  await simulateAll(request, variations, jobs, (result, done) => {
    results.push(result)
    onDone(done)
  })
  return results.sort((a, b) => a.seed - b.seed)
}

const figuresIn = (results: readonly Varied[]) => results.map(({ figures }) => figures)
const difference = (first: readonly Varied[], results: readonly Varied[]) =>
  differencesOf(figuresIn(first), figuresIn(results))

function jsonOf(run: string | null, results: readonly Varied[], first: readonly Varied[]) {
  return {
    run,
    seeds: results,
    summary: summariesOf(figuresIn(results)),
    ...(results !== first && { lessFirst: difference(first, results) }),
  }
}

const BYTES = ['bytesUp', 'bytesDown']
const COUNTS = ['rounds', 'batches']

/** A figure a line: its mean, how far that may be off, and where 5, 50 and 95 of 100 lie below. */
function summaryRows(summaries: Readonly<Record<string, Summary>>): string[][] {
  const rows = Object.entries(summaries).map(([name, { mean, within, p5, p50, p95 }]) => {
    const show = (value: number) => shown(name, value)
    return [
      name,
      show(mean),
      within === null ? '-' : `± ${show(within)}`,
      show(p5),
      show(p50),
      show(p95),
    ]
  })
  return [['', 'mean', '95 % interval', 'p5', 'p50', 'p95'], ...rows]
}

function shown(name: string, value: number): string {
  if (BYTES.includes(name)) return value < 0 ? `-${byteSize(-value)}` : byteSize(value)
  return COUNTS.includes(name) ? value.toFixed(1) : percent(value)
}
