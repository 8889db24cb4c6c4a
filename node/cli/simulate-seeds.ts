/** `barnraise simulate --seeds N`: the same with several seeds, on all cores, and what they say. */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { ConfigError } from '../../protocol/index.ts'
import {
  differencesOf,
  type KeyFigures,
  type SimulationRequest,
  type SimulationResult,
  type Summary,
  summariesOf,
} from '../../simulations/index.ts'
import { byteSize } from '../history/figures.ts'
import { type Printer, printJson } from './output.ts'
import { failIfUseless, percent } from './simulate-words.ts'
import { bar, type Screen } from './terminal.ts'

export interface SeedResult
  extends Pick<SimulationResult, 'rounds' | 'totals' | 'violations' | 'traceDigest'> {
  seed: number
  figures: KeyFigures
}

type SeedOptions = Partial<Record<'plan' | 'real' | 'json', boolean>> &
  Partial<Record<'run' | 'replay' | 'out', string>> & {
    seed: number
    jobs: string
    compare?: string[]
    print: Printer
  }

const BAR_WIDTH = 20

/** With several seeds; several runs are compared seed by seed, each with the first. */
export async function simulateMany(
  options: SeedOptions,
  seeds: number,
  screen: Screen,
  requestOf: (run: string | null) => Promise<SimulationRequest>,
): Promise<void> {
  const { compare, run, plan, replay, real, out, print, jobs } = options
  const threads = jobsOf(jobs)
  const alone = Object.entries({ plan, replay, real, out }).find(([, value]) => value !== undefined)
  if (alone !== undefined) {
    throw new ConfigError(`Cannot simulate as '--seeds' and '--${alone[0]}' do not go together`)
  }
  const runs = compare ?? [run ?? null]
  const all: SeedResult[][] = []
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

const figuresIn = (results: readonly SeedResult[]) => results.map(({ figures }) => figures)
const difference = (first: readonly SeedResult[], results: readonly SeedResult[]) =>
  differencesOf(figuresIn(first), figuresIn(results))

function jsonOf(run: string | null, results: readonly SeedResult[], first: readonly SeedResult[]) {
  return {
    run,
    seeds: results,
    summary: summariesOf(figuresIn(results)),
    ...(results !== first && { lessFirst: difference(first, results) }),
  }
}

/** `auto` is a thread for each core. @throws ConfigError unless it is that or a whole number */
function jobsOf(text: string): number {
  if (text === 'auto') return availableParallelism()
  const jobs = Number(text)
  if (Number.isInteger(jobs) && jobs > 0) return jobs
  throw new ConfigError(
    `Cannot simulate as 'jobs' must be auto or 1 or more: current value is ${text}`,
  )
}

/**
 * One simulation for each seed, a thread each at a time, in the order of the seeds: what comes of
 * it does not depend on the number of threads.
 */
export async function simulateSeeds(
  request: SimulationRequest,
  count: number,
  jobs: number,
  onDone: (done: number) => void,
): Promise<SeedResult[]> {
  const seeds = Array.from({ length: count }, (_, index) => request.seed + index)
  const results: SeedResult[] = []
  let next = 0
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL('./simulate-worker.ts', import.meta.url), {
        workerData: request,
      })
      const give = (): void => {
        if (next < seeds.length) worker.postMessage(seeds[next++])
        else void worker.terminate().then(() => resolve())
      }
      worker.on('error', reject)
      worker.on('message', (result: SeedResult) => {
        results.push(result)
        onDone(results.length)
        give()
      })
      give()
    })
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, work))
  return results.sort((a, b) => a.seed - b.seed)
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
