/** The examples that a dataset of run.yaml holds: its files, what their rows are, and the rows. */
import { ConfigError, counted, type RunConfig } from '../../protocol/index.ts'
import type { TellPiece } from '../bounded-work.ts'
import { type Columns, kindsOfColumns, named, namesThatMayLack } from './columns.ts'
import { type DatasetPlace, type FoundFile, type FoundFiles, findFiles } from './files.ts'
import { detectKind, type Example, exampleOf, type Kind } from './kinds.ts'
import { type LeftOut, NAMES_MAX } from './left-out.ts'
import { detectRated, type RatedKind, ratedKindOf, ratedOf } from './preferences.ts'
import { type BadRow, isBad, type Row } from './row.ts'
import { readRows } from './rows.ts'
import { rangeOf, type Slice } from './split-key.ts'
import { KNOWN_ROLES, TURN_KEYS, type TurnKeys, turnChoice } from './turn-keys.ts'

export interface Source {
  path: string
  kind: Kind | RatedKind
  /** Whether the first row told the kind, or whoever wrote run.yaml. */
  isDetected: boolean
  /** Whether its rows are conversations, as the first of them is. */
  isTalk: boolean
  files: number
  /** Files at its path that are not read. */
  leftOut: LeftOut
  /** How often an epoch has what it has; left out: once. */
  weight?: number | undefined
  /** Read anew each time. */
  examples(): AsyncGenerator<Example | BadRow>
}

export type RatingLoss = NonNullable<RunConfig['training']['preference']>['loss']

/** A dataset of run.yaml. */
export interface DatasetEntry extends Columns, TurnKeys, DatasetPlace {
  type?: Kind | undefined
  weight?: number | undefined
  /** Whether what is asked is learned, too. */
  train_on_inputs?: boolean | undefined
  /** What answers are rated by; left out: rows are what is learned. */
  rl?: RatingLoss | undefined
  /** Fields that are not to be looked at. */
  leave_aside?: readonly string[] | undefined
  /** The files, where they were found elsewhere than at the path. */
  found?: FoundFiles
}

/** The kinds whose rows are conversations, whatever is wrong with them. */
const TALKS: readonly Kind[] = ['chat_template', 'sharegpt']

/** @throws ConfigError that names the file or package which cannot be read, and what to do. */
export async function openSource(
  entry: DatasetEntry,
  folder: string,
  tell: TellPiece = () => {},
): Promise<Source> {
  const { path } = entry
  const type = kindOf(entry)
  const { files, leftOut, rows } = await openRows(entry, folder, tell)
  const choice = turnChoice(entry)
  const seen = new Set<string>()
  const roles = new Set<string>()
  const read = (row: Row): Example | BadRow => {
    const renamed = named(row, entry, seen)
    if (isBad(renamed)) return renamed
    const example =
      kind === 'pair' || kind === 'rating'
        ? ratedOf(kind, renamed, entry.leave_aside)
        : exampleOf(kind, renamed, entry.leave_aside, choice)
    if (isBad(example)) return example
    if (example.type === 'chat') for (const { role } of example.messages) roles.add(role)
    return Object.assign(example, { aside: example.aside.concat(renamed.displaced) })
  }
  const first = await firstRow(entry, rows())
  const kind = entry.rl === undefined ? (type ?? detectKind(first)) : ratedKind(entry, first)
  const example = read(first)
  const isTalk = isBad(example) ? TALKS.some((one) => one === kind) : isTalkOf(example)
  if (!isTalk) refuseTurnKeys(entry, kind)
  return {
    path,
    kind,
    isDetected: type === undefined,
    isTalk,
    files: files.length,
    leftOut,
    weight: entry.weight,
    async *examples() {
      for await (const row of rows()) {
        yield isBad(row) ? row : read(row)
      }
      refuseUnseen(entry, seen, roles)
    },
  }
}

function isTalkOf(example: Example): boolean {
  if (example.type === 'rated') return isTalkOf(example.answers[0]!.example)
  return example.type === 'chat'
}

/** @throws ConfigError where rows are not what the loss learns from */
function ratedKind({ path, rl }: DatasetEntry, first: Row): RatedKind {
  const kind = detectRated(first)
  if (kind === 'pair' || rl === 'kto') return kind
  throw new ConfigError(
    `Cannot read the dataset '${path}' as 'rl: ${rl}' learns from pairs of answers, and its rows ` +
      "rate one each: set 'rl: kto'",
  )
}

/** What the first row of a dataset rates; null: nothing, or run.yaml says of what kind rows are. */
export async function ratedAt(
  entry: DatasetEntry,
  folder: string,
  tell: TellPiece,
): Promise<RatedKind | null> {
  if (kindOf(entry) !== undefined) return null
  const { rows } = await openRows(entry, folder, tell)
  return ratedKindOf(await firstRow(entry, rows()))
}

/** The rows at a place, whatever they are. @throws ConfigError when there are none to be read */
export async function openRows(
  place: DatasetPlace & { found?: FoundFiles },
  folder: string,
  tell: TellPiece,
): Promise<Omit<FoundFiles, 'slice'> & { rows(): AsyncIterable<Row | BadRow> }> {
  const { files, leftOut, slice } = place.found ?? (await findFiles(place, folder))
  const range = slice === null ? null : rangeIn(place, slice, await countOf(rowsOf(files, tell)))
  const rows = () => (range === null ? rowsOf(files, tell) : between(range, rowsOf(files, tell)))
  return { files, leftOut, rows }
}

/** @throws ConfigError where a key is about turns, and there are none */
function refuseTurnKeys(entry: DatasetEntry, kind: Source['kind']): void {
  const key = TURN_KEYS.find((one) => entry[one] !== undefined)
  if (key === undefined) return
  throw new ConfigError(
    `Cannot read the dataset '${entry.path}' as '${key}' is for conversations, and its rows are ` +
      `of type '${kind}': leave it out`,
  )
}

/** @throws ConfigError where run.yaml names what no row has: a slip of the pen, as a rule */
function refuseUnseen(
  entry: DatasetEntry,
  seen: ReadonlySet<string>,
  roles: ReadonlySet<string>,
): void {
  const { roleOf } = turnChoice(entry)
  const isSpoken = (role: string) => KNOWN_ROLES.has(role) || roles.has(role)
  const role = entry.roles_to_train?.find((one) => !isSpoken(roleOf(one)))
  const unseen =
    role === undefined
      ? namesThatMayLack(entry).find(([, name]) => !seen.has(name))
      : ['roles_to_train', role]
  if (unseen === undefined) return
  const [key, name] = unseen
  throw new ConfigError(
    `Cannot read the dataset '${entry.path}' as no row of it has '${name}', which ` +
      `'${key}' names: name what the rows have, or leave the key out`,
  )
}

/**
 * What run.yaml says of the kind; undefined: nothing.
 * @throws ConfigError where a key would mean nothing
 */
function kindOf(entry: DatasetEntry): Kind | undefined {
  const kinds = new Set<Kind>(kindsOfColumns(entry))
  // The two differ in what their columns are called, which such keys say.
  const isNamed = kinds.has('chat_template') && entry.type === 'sharegpt'
  if (entry.type !== undefined && !isNamed) kinds.add(entry.type)
  const [kind, other] = kinds
  if (other === undefined) return kind
  throw new ConfigError(
    `Cannot read the dataset '${entry.path}' as 'field' names a column of rows of type ` +
      "'completion', and keys of messages are for rows of type 'chat_template': " +
      `here '${kind}' meets '${other}': leave one of them out`,
  )
}

/** @throws ConfigError where a share of few rows is none */
function rangeIn({ path, split }: DatasetPlace, slice: Slice, count: number): [number, number] {
  const [from, to] = rangeOf(slice, count)
  if (from < to || count === 0) return [from, to]
  const all = counted(count, 'row')
  throw new ConfigError(
    `Cannot read the dataset '${path}' as '${split}' of its ${all} is none: ask for more of them`,
  )
}

async function firstRow({ path }: DatasetEntry, rows: AsyncIterable<Row | BadRow>): Promise<Row> {
  const complaints: string[] = []
  for await (const row of rows) {
    if (!isBad(row)) return row
    if (complaints.length < NAMES_MAX) complaints.push(row.complaint)
  }
  throw new ConfigError(
    complaints.join('\n') || `Cannot read the dataset '${path}' as there is no row in it`,
  )
}

async function* rowsOf(files: readonly FoundFile[], tell: TellPiece): AsyncGenerator<Row | BadRow> {
  for (const file of files) yield* readRows(file, tell)
}

async function countOf(rows: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of rows) count++
  return count
}

async function* between<T>([from, to]: [number, number], rows: AsyncIterable<T>) {
  let index = 0
  for await (const row of rows) {
    if (index >= to) return
    if (index >= from) yield row
    index++
  }
}

export interface Document {
  /** The place where it was found, for messages. */
  name: string
  text: string
}

export interface Documents {
  documents: Document[]
  /** Files at the path that are not read. */
  leftOut: LeftOut
}

/**
 * The texts at a path, whatever else its rows hold.
 * @throws ConfigError that names the first row which is none
 */
export async function documentsAt(
  path: string,
  folder: string,
  tell?: TellPiece,
): Promise<Documents> {
  const { examples, leftOut } = await openSource({ path, type: 'completion' }, folder, tell)
  const documents: Document[] = []
  for await (const example of examples()) {
    if (isBad(example)) throw new ConfigError(example.complaint)
    if (example.type === 'text') documents.push({ name: example.name, text: example.text })
  }
  return { documents, leftOut }
}

/** Rows that rate answers. */
export interface RatedRows {
  rated: Example[]
  leftOut: LeftOut
}

/** @throws ConfigError that names the first row which rates none */
export async function ratedRowsAt(
  entry: DatasetEntry,
  folder: string,
  tell: TellPiece,
): Promise<RatedRows> {
  const { examples, leftOut } = await openSource(entry, folder, tell)
  const rated: Example[] = []
  for await (const example of examples()) {
    if (isBad(example)) throw new ConfigError(example.complaint)
    rated.push(example)
  }
  return { rated, leftOut }
}
