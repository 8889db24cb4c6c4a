/**
 * `barnraise simulate --sweep`: many points, each with some seeds, to one table with a line for
 * each simulation. What the folder has already is not simulated again, so a sweep that was broken
 * off goes on, and one that is asked for more does only what is missing.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, counted, digestOf } from '../../protocol/index.ts'
import {
  axisOf,
  type KeyFigures,
  type Point,
  pointsOf,
  type SimulationRequest,
} from '../../simulations/index.ts'
import { ignoreMissing, makeFolder } from '../storage/file-system.ts'
import { type Printer, printJson } from './output.ts'
import { jobsOf, simulateAll, type Varied } from './simulate-pool.ts'
import { failIfUseless } from './simulate-words.ts'
import { bar, type Screen } from './terminal.ts'

export interface SweepOptions {
  sweep: string[]
  samples?: number
  seeds?: number
  jobs: string
  out?: string
  json?: boolean
  print: Printer
}

/** A line of the table: numbers where they are some. */
type Row = Readonly<Record<string, string>>

const CSV = 'sweep.csv'
const PARQUET = 'sweep.parquet'
/** What all simulations of the folder have in common. */
const COMMON = 'sweep.json'
export const SWEEP_FILES: readonly string[] = [CSV, PARQUET, COMMON]

const BAR_WIDTH = 20

export async function sweep(
  options: SweepOptions,
  request: SimulationRequest,
  screen: Screen,
): Promise<void> {
  const { out, print } = options
  if (out === undefined) {
    throw new ConfigError("Cannot sweep without a folder for its tables: add '--out FOLDER'")
  }
  const jobs = jobsOf(options.jobs)
  const axes = options.sweep.map(axisOf)
  const keys = axes.map(({ key }) => key)
  const points = pointsOf(axes, options.samples ?? null)
  await makeFolder(out)
  await holdTo(join(out, COMMON), commonOf(request, keys))
  const file = join(out, CSV)
  const known = await rowsIn(file, keys)
  const has = new Set(known.map((row) => nameOf(keys, row)))
  const seeds = Array.from({ length: options.seeds ?? 1 }, (_, index) => request.seed + index)
  const missing = points.flatMap((point) =>
    seeds.flatMap((seed) =>
      has.has(nameOf(keys, { ...point, seed: `${seed}` })) ? [] : [{ point, seed }],
    ),
  )
  const all = points.length * seeds.length
  print.line(`${counted(all, 'simulation')}, of which ${all - missing.length} are there already`)
  const variations = missing.map(({ point, seed }) => ({
    seed,
    set: [...request.set, ...keys.map((key) => `${key}=${point[key]}`)],
  }))
  const results: Varied[] = []
  const rows = [...known]
  let writing = Promise.resolve()
  await simulateAll(request, variations, jobs, (result, done) => {
    results.push(result)
    const row = rowOf(keys, result)
    if (rows.length === 0) writing = writing.then(() => writeFile(file, lineOf(Object.keys(row))))
    rows.push(row)
    writing = writing.then(() => appendFile(file, lineOf(Object.values(row))))
    screen.update(`${bar(done / missing.length, BAR_WIDTH)} ${done} of ${missing.length}`)
  })
  await writing
  screen.clear()
  rows.sort((a, b) => inOrder([...keys, 'seed'], a, b))
  const [first] = rows
  const table = [Object.keys(first ?? {}), ...rows.map((row) => Object.values(row))]
  await writeFile(file, table.map(lineOf).join(''))
  await writeParquet(join(out, PARQUET), rows)
  print.line(`${counted(rows.length, 'line')} in ${file} and ${join(out, PARQUET)}`)
  if (options.json) printJson({ simulations: all, simulated: missing.length, csv: file })
  failIfUseless(results)
}

/** All that decides a simulation but its point and its seed. */
function commonOf(request: SimulationRequest, keys: readonly string[]): Row {
  const { preset, volunteers, days, set, swarm, attack = '', trace, config } = request
  const digestIf = (value: unknown) =>
    value === null ? '' : digestOf(new TextEncoder().encode(JSON.stringify(value)))
  return {
    keys: keys.join(' '),
    preset,
    volunteers: `${volunteers}`,
    days: `${days}`,
    set: set.join(' '),
    swarm: `${swarm}`,
    attack,
    trace: digestIf(trace),
    run: digestIf(config),
  }
}

/** @throws ConfigError when the folder has the table of another sweep */
async function holdTo(path: string, common: Row): Promise<void> {
  const text = (await readFile(path, 'utf8').catch(ignoreMissing)) ?? null
  if (text === null) return writeFile(path, `${JSON.stringify(common, null, 2)}\n`)
  const before = JSON.parse(text) as Row
  const other = Object.keys(common).find((key) => common[key] !== before[key])
  if (other === undefined) return
  throw new ConfigError(
    `Cannot go on in this folder as its table is of another sweep: '${other}' was ` +
      `'${before[other]}' and is '${common[other]}'. Give a new '--out'`,
  )
}

const lineOf = (cells: readonly string[]): string => `${cells.join(',')}\n`

/** Compares by each key in turn, numbers by their size. */
function inOrder(keys: readonly string[], a: Row, b: Row): number {
  const key = keys.find((each) => a[each] !== b[each])
  if (key === undefined) return 0
  const [one, other] = [a[key]!, b[key]!]
  const difference = Number(one) - Number(other)
  return Number.isNaN(difference) ? (one < other ? -1 : 1) : difference
}

/** What a line is about. */
const nameOf = (keys: readonly string[], row: Point): string =>
  [...keys, 'seed'].map((key) => row[key]).join(' ')

/** The lines that are whole: the last may have been broken off, and is simulated again. */
async function rowsIn(file: string, keys: readonly string[]): Promise<Row[]> {
  const text = (await readFile(file, 'utf8').catch(ignoreMissing)) ?? ''
  const end = text.lastIndexOf('\n') + 1
  if (end < text.length) await writeFile(file, text.slice(0, end))
  const [head, ...lines] = text.slice(0, end).split('\n').slice(0, -1)
  if (head === undefined) return []
  const names = head.split(',')
  const rows = lines.map((line) => {
    const cells = line.split(',')
    return Object.fromEntries(names.map((name, index) => [name, cells[index] ?? '']))
  })
  const isTable = [...keys, 'seed', 'traceDigest'].every((name) => names.includes(name))
  if (isTable && lines.every((line) => line.split(',').length === names.length)) return rows
  throw new ConfigError(`Cannot go on with '${file}' as it is no table of this sweep`)
}

function rowOf(
  keys: readonly string[],
  { seed, set, figures, violations, traceDigest }: Varied,
): Row {
  const values = new Map(set.map((change) => change.split('=') as [string, string]))
  const own = keys.map((key) => [key, values.get(key)!])
  const numbers = Object.entries(figures satisfies KeyFigures).map(([name, n]) => [name, String(n)])
  const rest = { violations: String(violations.length), traceDigest }
  return { ...Object.fromEntries(own), seed: String(seed), ...Object.fromEntries(numbers), ...rest }
}

async function writeParquet(path: string, rows: readonly Row[]): Promise<void> {
  const { parquetWriteBuffer } = await import('hyparquet-writer')
  const columnData = Object.keys(rows[0] ?? {}).map((name) => {
    const cells = rows.map((row) => row[name]!)
    const isNumeric = cells.every((cell) => cell !== '' && Number.isFinite(Number(cell)))
    return isNumeric
      ? { name, data: cells.map(Number), type: 'DOUBLE' as const }
      : { name, data: cells, type: 'STRING' as const }
  })
  await writeFile(path, new Uint8Array(parquetWriteBuffer({ columnData })))
}
