/** The examples that a dataset of run.yaml holds: its files, what their rows are, and the rows. */
import { ConfigError } from '../../protocol/errors.ts'
import { type Columns, named } from './columns.ts'
import { type FoundFile, findFiles } from './files.ts'
import { detectKind, type Example, exampleOf, type Kind } from './kinds.ts'
import { type Row, readRows } from './rows.ts'

export interface Source {
  path: string
  kind: Kind
  /** Whether the first row told the kind, or whoever wrote run.yaml. */
  isDetected: boolean
  files: number
  /** Read anew each time. */
  examples(): AsyncGenerator<Example>
}

/** @throws ConfigError that names the file or package which cannot be read, and what to do. */
export async function openSource(
  { path, type, ...columns }: { path: string; type?: Kind | undefined } & Columns,
  folder: string,
): Promise<Source> {
  const files = await findFiles(path, folder)
  const kind = type ?? detectKind(named(await firstRow(path, files), columns))
  return {
    ...{ path, kind, isDetected: type === undefined, files: files.length },
    async *examples() {
      for await (const row of rowsOf(files)) yield exampleOf(kind, named(row, columns))
    },
  }
}

async function firstRow(path: string, files: readonly FoundFile[]): Promise<Row> {
  for await (const row of rowsOf(files)) return row
  throw new ConfigError(`Cannot read the dataset '${path}' as there is no row in it`)
}

async function* rowsOf(files: readonly FoundFile[]): AsyncGenerator<Row> {
  for (const file of files) yield* readRows(file)
}

export interface Document {
  /** Where it was found, for messages. */
  name: string
  text: string
}

/** The texts at a path, whatever else its rows hold. */
export async function* readDocuments(path: string, folder: string): AsyncGenerator<Document> {
  const { examples } = await openSource({ path, type: 'completion' }, folder)
  for await (const example of examples()) {
    if (example.type === 'text') yield { name: example.name, text: example.text }
  }
}
