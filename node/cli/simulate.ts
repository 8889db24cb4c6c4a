/** `barnraise simulate`: a run with thousands of volunteers, in virtual time, from one seed. */

import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import {
  energyOf,
  type Made,
  type Prepared,
  prepareSimulation,
  type SimulationRequest,
  type SimulationResult,
  type TraceMade,
  traceExtent,
  traceWithin,
  wasteShares,
} from '../../simulations/index.ts'
import { byteSize } from '../history/figures.ts'
import { locateRun } from '../setup/locate-run.ts'
import { withPlan } from '../setup/plan-run.ts'
import { readRunYaml } from '../setup/run-yaml.ts'
import { VERSION } from '../software.ts'
import { command } from './command.ts'
import { hubOf } from './hub.ts'
import { type Printer, printerFor, printJson } from './output.ts'
import { numbersOf } from './simulate-numbers.ts'
import { planFor } from './simulate-plan.ts'
import { replayRun } from './simulate-replay.ts'
import { checkReportFolders, commitOf, writeReport } from './simulate-report.ts'
import { simulateMany } from './simulate-seeds.ts'
import { sweep } from './simulate-sweep.ts'
import { type ReadTrace, readTrace } from './simulate-trace.ts'
import { failIfUseless, figureRows, percent } from './simulate-words.ts'
import { bar, createScreen, type Screen } from './terminal.ts'

export interface SimulateCommandOptions {
  seed: number
  preset: string
  volunteers: number
  /** Not said: one, or as long as the trace. */
  days?: number
  /** Several seeds, from `seed` on. */
  seeds?: number
  /** Threads, with seeds or a sweep: `auto` or a number. */
  jobs: string
  /** What is varied: SECTION.KEY=A,B or SECTION.KEY=LOW..HIGH, each. */
  sweep?: string[]
  /** Points that are drawn of a sweep; left out: all combinations. */
  samples?: number
  set: string[]
  swarm: boolean
  /** NAME:SHARE,… */
  attack?: string
  /** Train for real what --run says. */
  real?: boolean
  /** A file of sessions, in one of several formats. */
  trace?: string
  /** Overlapping sessions of a volunteer in it become one. */
  mergeOverlaps?: boolean
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

/** What was asked for, and where it is told to people. */
type Simulating = SimulateCommandOptions & { print: Printer }

/** Who is simulated, and for how long. */
interface Scope {
  /** A preset's volunteers who are online at once in the mean; all who are in a trace. */
  volunteers: number
  /** The sessions of a trace that are simulated. */
  sessions: number | null
  days: number
}

interface Simulated extends Scope {
  result: SimulationResult
  /** Final held-out loss over that of the same run without attackers; null: nobody knows. */
  lossOverClean: number | null
  made: Made
  wallSeconds: number
}

const BAR_WIDTH = 20

/** Exit code 1 where something that must hold did not, or where no round was merged. */
export async function simulate(given: SimulateCommandOptions): Promise<void> {
  if (given.replay !== undefined && given.out !== undefined) {
    throw new ConfigError("Cannot write a report of a replay: leave '--out' or '--replay' out")
  }
  const screen = createScreen(process.stderr)
  const print = printerFor(given)
  const options: Simulating = { ...given, print }
  print.line(`seed=${options.seed}`)
  await checkReportFolders(options)
  if (options.sweep !== undefined) {
    checkTogether(options, 'sweep', ['compare', 'plan', 'replay', 'real'])
    const { request } = await prepare(options.run ?? null, options, screen)
    return sweep({ ...options, sweep: options.sweep }, request, screen)
  }
  if (options.samples !== undefined) {
    throw new ConfigError("Cannot simulate as '--samples' has no meaning without '--sweep'")
  }
  if (options.seeds !== undefined) {
    checkTogether(options, 'seeds', ['plan', 'replay', 'real', 'out'])
    const requestOf = async (run: string | null) => (await prepare(run, options, screen)).request
    return simulateMany(options, options.seeds, screen, requestOf)
  }
  if (options.compare !== undefined) return compare(options.compare, options, screen)
  if (options.plan) {
    return planFor(await prepare(options.run ?? null, options, screen), options, screen)
  }
  if (options.replay !== undefined) return replayRun(options.replay, options)
  const simulated = await simulateRun(options.run ?? null, options, screen)
  const { result, made, wallSeconds } = simulated
  const energy = energyOf(result.totals, made.settings.world)
  const peakBytes = process.resourceUsage().maxRSS * 1024
  const { events, goodput, auditShare, audits, rounds, violations, traceDigest } = result
  print.table([
    ...figureRows(result),
    [
      'energy, estimated',
      `${energy.kwh.toPrecision(3)} kWh, ${energy.co2Kg.toPrecision(3)} kg of CO2`,
    ],
    ['events', `${events} in ${wallSeconds.toFixed(1)} s, ${byteSize(peakBytes)} of memory`],
    ...attackRows(simulated),
    ['trace', traceDigest],
    ...violations.map((what): [string, string] => ['violated', what]),
  ])
  if (options.out !== undefined) await writeReport(options.out, simulated, options.print)
  const { seed } = options
  const { volunteers, sessions, days } = simulated
  print.line(`seed=${seed}; again: ${made.command}`)
  if (options.json) {
    const waste = wasteShares(result.totals)
    printJson({
      seed,
      volunteers,
      ...(sessions !== null && { sessions }),
      days,
      wallSeconds,
      peakBytes,
      events,
      goodput,
      goodputMerged: result.goodputMerged,
      auditShare,
      audits,
      ...(options.attack !== undefined && { attacks: attacksOf(simulated) }),
      waste,
      energy,
      rounds,
      violations,
      traceDigest,
    })
  }
  failIfUseless([result])
}

/** @throws ConfigError where one is given that means nothing beside `key` */
function checkTogether(
  options: Simulating,
  key: string,
  others: readonly (keyof SimulateCommandOptions)[],
): void {
  const other = others.find((each) => options[each] !== undefined)
  if (other === undefined) return
  throw new ConfigError(`Cannot simulate as '--${key}' and '--${other}' do not go together`)
}

async function prepare(
  run: string | null,
  options: Simulating,
  screen: Screen,
): Promise<Prepared & Scope & { request: SimulationRequest; trace: TraceMade | null }> {
  if (options.real && run === null) {
    throw new ConfigError("Cannot train for real as '--real' needs a run.yaml after '--run'")
  }
  const strange = options.set.find(
    (change) => !/^(round|faults|world|admission|audit)\./.test(change),
  )
  if (options.real && strange !== undefined) {
    throw new ConfigError(
      `Cannot train for real with '--set ${strange}': change what is learned in the run.yaml`,
    )
  }
  const planned = run === null ? NOTHING_PLANNED : await partOf(run, options, screen)
  const trace = await traceOf(options)
  const scope = scopeOf(options, trace)
  const { seed, preset, set, swarm, attack } = options
  const asked = { seed, preset, set, swarm, ...(attack !== undefined && { attack }) }
  const request: SimulationRequest = { ...asked, ...planned, ...scope, trace: trace?.rows ?? null }
  return { ...prepareSimulation(request), ...scope, request, trace: madeOf(options, trace, scope) }
}

/** Says what of the file was not used as it is. */
async function traceOf({ trace: file, mergeOverlaps, print }: Simulating) {
  if (file === undefined) {
    if (mergeOverlaps !== true) return null
    throw new ConfigError(
      "Cannot merge overlaps as '--merge-overlaps' needs a file after '--trace'",
    )
  }
  const trace = await readTrace(file, mergeOverlaps ?? false)
  for (const note of trace.notes) print.line(`the trace ${file}: ${note}`)
  return trace
}

function madeOf(
  { trace: file }: Simulating,
  trace: ReadTrace | null,
  { volunteers, sessions }: Scope,
): TraceMade | null {
  if (trace === null) return null
  const { format, digest, notes } = trace
  return { file: file!, format, digest, volunteers, sessions: sessions!, notes }
}

/** Says so where the days that were asked for leave out the end of the trace. */
function scopeOf({ volunteers, days, print }: Simulating, trace: ReadTrace | null): Scope {
  if (trace === null) return { volunteers, sessions: null, days: days ?? 1 }
  const whole = traceExtent(trace.rows)
  if (days === undefined || days >= whole.days) return { ...whole, days: days ?? whole.days }
  const { volunteers: met, sessions } = traceExtent(traceWithin(trace.rows, days))
  const left = whole.sessions - sessions
  const rest = `the last ${(whole.days - days).toFixed(2)} days, in which ${left} sessions begin`
  print.line(`--days ${days} leaves out of the trace ${rest}`)
  return { volunteers: met, sessions, days }
}

async function simulateRun(
  run: string | null,
  options: Simulating,
  screen: Screen,
): Promise<Simulated> {
  const prepared = await prepare(run, options, screen)
  const { volunteers, sessions, days } = prepared
  const { trace, preset, print } = options
  const who = trace === undefined ? `${volunteers} of the preset ${preset}` : `the trace ${trace}`
  print.line(`volunteers: ${who}`)
  const drawn = Object.entries(prepared.faults).filter(([, rate]) => rate !== 0)
  print.line(`faults: ${drawn.map(([name, rate]) => `${name} ${rate}`).join(', ') || 'none'}`)
  const startedAt = performance.now()
  const result = prepared.run((share) =>
    screen.update(
      `${bar(share, BAR_WIDTH)} day ${(share * days).toFixed(2)} of ${days.toFixed(2)}`,
    ),
  )
  screen.clear()
  const wallSeconds = (performance.now() - startedAt) / 1000
  const { config, faults, world } = prepared
  const made: Made = {
    command: commandOf(run, options, days),
    seed: options.seed,
    days,
    version: VERSION,
    commit: commitOf(),
    crowd: prepared.trace === null ? { preset, volunteers } : null,
    trace: prepared.trace,
    set: options.set,
    settings: { run: config, faults, world },
  }
  const clean = prepared.runClean?.() ?? null
  const lossOverClean = clean === null ? null : lossOf(result) / lossOf(clean) - 1
  return { result, lossOverClean, wallSeconds, made, volunteers, sessions, days }
}

/** The loss of the last adapter that was evaluated. */
function lossOf({ history }: SimulationResult): number {
  return history.rounds.findLast(({ loss }) => loss !== null)?.loss ?? Number.NaN
}

/** The runs side by side. */
async function compare(
  runs: readonly string[],
  options: Simulating,
  screen: Screen,
): Promise<void> {
  if (runs.length < 2) {
    throw new ConfigError("Cannot compare as '--compare' must be followed by two files or more")
  }
  const all: Simulated[] = []
  for (const run of runs) all.push(await simulateRun(run, options, screen))
  const columns = all.map(({ result }) => figureRows(result))
  options.print.columns([
    ['', ...runs],
    ...columns[0]!.map(([name], row) => [name, ...columns.map((rows) => rows[row]![1])]),
  ])
  for (const [index, simulated] of all.entries()) {
    const out = options.out
    if (out !== undefined) await writeReport(join(out, String(index + 1)), simulated, options.print)
  }
  if (options.json) {
    printJson(
      all.map(({ result }, index) => {
        const { goodput, auditShare, rounds, batches, bytes, violations, traceDigest } = result
        const waste = wasteShares(result.totals)
        const figures = { run: runs[index], goodput, auditShare, waste, rounds, batches, bytes }
        return { ...figures, violations, traceDigest }
      }),
    )
  }
  failIfUseless(all.map(({ result }) => result))
}

/** What `--json` says of attackers. */
function attacksOf({ result, lossOverClean }: Simulated) {
  const { falseAccusations, byAttacker } = result.attacks
  const each = Object.entries(byAttacker).map(([name, figures]) => [
    name,
    { ...figures, lossOverClean },
  ])
  const { auditShare } = result
  return { falseAccusations, auditShare, byAttacker: Object.fromEntries(each) }
}

function attackRows({ result, lossOverClean }: Simulated): [string, string][] {
  const { falseAccusations, byAttacker } = result.attacks
  const rows = Object.entries(byAttacker).map(([name, figures]): [string, string] => {
    const { identities, found, bad, caught, caughtAfterMedian } = figures
    const after = caughtAfterMedian === null ? '' : `, after ${caughtAfterMedian} in the median`
    return [name, `${found} of ${identities} found${after}; ${caught} of ${bad} lies caught`]
  })
  if (rows.length === 0) return []
  const loss: [string, string][] =
    lossOverClean === null ? [] : [['loss over clean', percent(lossOverClean)]]
  return [...rows, ['false accusations', String(falseAccusations)], ...loss]
}

/** What is simulated of a run.yaml: its configuration, and with `--real` its numbers. */
type PlannedPart = Pick<Parameters<typeof prepareSimulation>[0], 'config' | 'numbers'>

const NOTHING_PLANNED: PlannedPart = { config: null, numbers: null }

async function partOf(
  file: string,
  { real }: SimulateCommandOptions,
  screen: Screen,
): Promise<PlannedPart> {
  const located = await locateRun(await readRunYaml(file), await hubOf(screen))
  return withPlan(located, async (plan) => ({
    config: plan.config,
    numbers: real ? await numbersOf(plan) : null,
  }))
}

function commandOf(run: string | null, options: SimulateCommandOptions, days: number): string {
  const { seed, preset, volunteers, set, swarm, trace, mergeOverlaps, real, attack } = options
  const who =
    trace === undefined
      ? `--preset ${preset} --volunteers ${volunteers}`
      : `--trace ${trace}${mergeOverlaps ? ' --merge-overlaps' : ''}`
  const of = run === null ? '' : ` --run ${run}`
  const really = real ? ' --real' : ''
  const sets = set.map((change) => ` --set ${change}`).join('')
  const rest = `--days ${days} --seed ${seed}${really}${sets}${swarm ? ' --swarm' : ''}`
  const attacks = attack === undefined ? '' : ` --attack ${attack}`
  return command(`simulate ${who}${of} ${rest}${attacks}`)
}
