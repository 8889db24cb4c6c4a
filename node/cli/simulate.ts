/** `barnraise simulate`: a run with thousands of volunteers, in virtual time, from one seed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'
import {
  figuresCsv,
  figuresOf,
  type Prepared,
  parseTrace,
  prepareSimulation,
  reportPage,
  type SimulationResult,
  TRIALS_MAX,
  type Trial,
  wasteShares,
} from '../../simulations/main.ts'
import { EXIT } from '../exit-code.ts'
import { locateRun } from '../run/locate-run.ts'
import { planRun } from '../run/prepare-run.ts'
import { readRunYaml } from '../run/run-yaml.ts'
import { CommandFailure } from './failure.ts'
import { hubOf } from './hub.ts'
import { printColumns, printJson, printLine, printTable } from './output.ts'
import { numbersOf } from './simulate-numbers.ts'
import { replayRun } from './simulate-replay.ts'
import { bar, byteSize, createScreen, type Screen } from './terminal.ts'

export interface SimulateCommandOptions {
  seed: number
  preset: string
  volunteers: number
  days: number
  set: string[]
  swarm: boolean
  /** Train for real what --run says. */
  real?: boolean
  /** A CSV file of sessions. */
  trace?: string
  /** A run.yaml. */
  run?: string
  /** Several, each simulated under the same churn. */
  compare?: string[]
  /** Search for good settings instead. */
  plan?: boolean
  /** A run's folder: its world, fitted from its journal. */
  replay?: string
  /** Folder for the report. */
  out?: string
  json?: boolean
}

interface Simulated {
  result: SimulationResult
  command: string
  wallSeconds: number
}

const BAR_WIDTH = 20

/** Exit code 1 where something that must hold did not. */
export async function simulate(options: SimulateCommandOptions): Promise<void> {
  const screen = createScreen(process.stderr)
  printLine(`seed=${options.seed}`)
  if (options.compare !== undefined) return compare(options.compare, options, screen)
  if (options.plan) return planFor(options, screen)
  if (options.replay !== undefined) return replayRun(options.replay, options)
  const simulated = await simulateRun(options.run ?? null, options, screen)
  const { result, command, wallSeconds } = simulated
  const peakBytes = process.resourceUsage().maxRSS * 1024
  const { events, goodput, rounds, violations, traceDigest } = result
  printTable([
    ...figureRows(result),
    ['events', `${events} in ${wallSeconds.toFixed(1)} s, ${byteSize(peakBytes)} of memory`],
    ['trace', traceDigest],
    ...violations.map((what): [string, string] => ['violated', what]),
  ])
  if (options.out !== undefined) await writeReport(options.out, options, simulated)
  const { seed, volunteers, days } = options
  printLine(`seed=${seed}; again: ${command}`)
  if (options.json) {
    const waste = wasteShares(result)
    printJson({
      ...{ seed, volunteers, days, wallSeconds, peakBytes, events, goodput, waste },
      ...{ rounds, violations, traceDigest },
    })
  }
  failIfViolated([result])
}

async function prepare(
  run: string | null,
  options: SimulateCommandOptions,
  screen: Screen,
): Promise<Prepared> {
  const planned = run === null ? null : await plannedRun(run, screen)
  if (options.real && planned === null) {
    throw new ConfigError("Cannot train for real as '--real' needs a run.yaml after '--run'")
  }
  const strange = options.set.find((change) => !/^(round|faults|world|admission)\./.test(change))
  if (options.real && strange !== undefined) {
    throw new ConfigError(
      `Cannot train for real with '--set ${strange}': change what is learned in the run.yaml`,
    )
  }
  const numbers = options.real && planned !== null ? await numbersOf(planned) : null
  planned?.base.close()
  return prepareSimulation({
    ...options,
    numbers,
    config: planned?.config ?? null,
    trace: options.trace === undefined ? null : parseTrace(await textOf(options.trace)),
  })
}

async function simulateRun(
  run: string | null,
  options: SimulateCommandOptions,
  screen: Screen,
): Promise<Simulated> {
  const { days } = options
  const prepared = await prepare(run, options, screen)
  const drawn = Object.entries(prepared.faults).filter(([, rate]) => rate !== 0)
  printLine(`faults: ${drawn.map(([name, rate]) => `${name} ${rate}`).join(', ') || 'none'}`)
  const startedAt = performance.now()
  const result = prepared.run((share) =>
    screen.update(`${bar(share, BAR_WIDTH)} day ${(share * days).toFixed(2)} of ${days}`),
  )
  screen.clear()
  const wallSeconds = (performance.now() - startedAt) / 1000
  return { result, wallSeconds, command: commandOf(run, options) }
}

/** How many of the best are shown. */
const TRIALS_SHOWN = 8

/** What to choose for these volunteers, and what it costs. */
async function planFor(options: SimulateCommandOptions, screen: Screen): Promise<void> {
  const prepared = await prepare(options.run ?? null, options, screen)
  const trials = prepared.plan(({ goodput }, count) =>
    screen.update(`${bar(count / TRIALS_MAX, BAR_WIDTH)} ${count}: ${percent(goodput)}`),
  )
  screen.clear()
  const [best] = trials
  printColumns([
    ['box', 'steps a lease', 'grace', 'quorum', 'goodput', 'uploaded an hour', 'rounds'],
    ...trials.slice(0, TRIALS_SHOWN).map(rowOfTrial),
  ])
  const { seconds, stepsMax, graceSeconds, quorumFraction } = best!
  const keys = {
    round_seconds: seconds,
    lease_steps_max: stepsMax,
    grace_seconds: graceSeconds,
    quorum: quorumFraction,
  }
  printLine('\nIn run.yaml:\n\nswarm:')
  for (const [key, value] of Object.entries(keys)) printLine(`  ${key}: ${value}`)
  if (options.json) printJson(trials)
}

function rowOfTrial(trial: Trial): string[] {
  const { seconds, stepsMax, graceSeconds, quorumFraction, goodput, bytesPerHour, rounds } = trial
  return [
    `${seconds} s`,
    String(stepsMax),
    `${graceSeconds} s`,
    String(quorumFraction),
    percent(goodput),
    byteSize(bytesPerHour),
    String(rounds),
  ]
}

/** The runs side by side. */
async function compare(
  runs: readonly string[],
  options: SimulateCommandOptions,
  screen: Screen,
): Promise<void> {
  if (runs.length < 2) {
    throw new ConfigError("Cannot compare as '--compare' must be followed by two files or more")
  }
  const all: Simulated[] = []
  for (const run of runs) all.push(await simulateRun(run, options, screen))
  const columns = all.map(({ result }) => figureRows(result))
  printColumns([
    ['', ...runs],
    ...columns[0]!.map(([name], row) => [name, ...columns.map((rows) => rows[row]![1])]),
  ])
  for (const [index, simulated] of all.entries()) {
    const out = options.out
    if (out !== undefined) await writeReport(join(out, String(index + 1)), options, simulated)
  }
  if (options.json) {
    printJson(
      all.map(({ result }, index) => {
        const { goodput, rounds, batches, bytes, violations, traceDigest } = result
        const waste = wasteShares(result)
        return { run: runs[index], goodput, waste, rounds, batches, bytes, violations, traceDigest }
      }),
    )
  }
  failIfViolated(all.map(({ result }) => result))
}

function figureRows(result: SimulationResult): [string, string][] {
  const waste = Object.entries(wasteShares(result))
  return [
    ['goodput', percent(result.goodput)],
    ...waste.map(([cause, share]): [string, string] => [cause, percent(share)]),
    ['rounds', String(result.rounds)],
    ['batches', String(result.batches)],
    ['received', byteSize(result.bytes.up)],
    ['sent', byteSize(result.bytes.down)],
  ]
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

async function writeReport(
  out: string,
  { seed, days, preset, volunteers, trace }: SimulateCommandOptions,
  { result, command }: Simulated,
): Promise<void> {
  const figures = figuresOf(result, { command, seed, days })
  const who = trace === undefined ? `${volunteers} volunteers, ${preset}` : `the trace ${trace}`
  const folder = resolve(out)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'index.html'), reportPage(figures, `Simulated: ${who}`))
  await writeFile(join(folder, 'figures.json'), `${JSON.stringify(figures, null, 1)}\n`)
  await writeFile(join(folder, 'figures.csv'), figuresCsv(figures))
  printLine(`The report is in ${folder}`)
}

/** What a run.yaml means: its base's shape, its data, its rounds. */
async function plannedRun(
  file: string,
  screen: Screen,
): Promise<Awaited<ReturnType<typeof planRun>>> {
  const { yaml } = await readRunYaml(file)
  return planRun(await locateRun(yaml, dirname(resolve(file)), await hubOf(screen)))
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`Cannot read the trace '${file}': ${(error as Error).message}`)
  }
}

function failIfViolated(results: readonly SimulationResult[]): void {
  if (results.every(({ violations }) => violations.length === 0)) return
  throw new CommandFailure(EXIT.failure, 'Something did not hold')
}

function commandOf(run: string | null, options: SimulateCommandOptions): string {
  const { seed, preset, volunteers, days, set, swarm, trace, real } = options
  const who =
    trace === undefined ? `--preset ${preset} --volunteers ${volunteers}` : `--trace ${trace}`
  const of = run === null ? '' : ` --run ${run}`
  const really = real ? ' --real' : ''
  const sets = set.map((change) => ` --set ${change}`).join('')
  const rest = `--days ${days} --seed ${seed}${really}${sets}${swarm ? ' --swarm' : ''}`
  return `barnraise simulate ${who}${of} ${rest}`
}
