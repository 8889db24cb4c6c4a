/**
 * `run.yaml`: what an organiser writes. Keys are axolotl's where the meaning is the same; what
 * belongs to the swarm stands under `swarm:`. Every key is checked, and an error says where: file,
 * line and column.
 */

import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Document, isMap, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { ConfigError } from '../../protocol/index.ts'
import { nearest } from '../nearest.ts'
import { currentOf, IN_WORDS, isToBeTold } from '../shape-faults.ts'
import { whyUnread } from '../system-reason.ts'
import { type KeyPath, knownKeys, meaningOf, type RunYaml, runYamlSchema } from './run-keys.ts'

/** A run.yaml that was read and is right. */
export interface RunFile {
  /** Paths in it are relative to this folder. */
  folder: string
  source: string
  yaml: RunYaml
  /** `run.yaml:4:1`, where a key stands, or what holds it where the key is left out. */
  placeOf(path: KeyPath): string
}

const SOURCE_BYTES_MAX = 128 * 1024
/** Aliases of aliases could stand for more than memory holds. */
const ALIASES_MAX = 100

/** @throws ConfigError when the file cannot be read or is not a right run.yaml */
export async function readRunYaml(file: string): Promise<RunFile> {
  return parseRunYaml(await readSource(file), file)
}

async function readSource(file: string): Promise<string> {
  try {
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      if (size <= SOURCE_BYTES_MAX) return await handle.readFile('utf8')
      throw new Error(`it has ${size} bytes, of ${SOURCE_BYTES_MAX} at most`)
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw new ConfigError(
      `Cannot read '${file}' as ${whyUnread(error)}. Give the path of a run.yaml.`,
    )
  }
}

/**
 * @param source the text of the file
 * @param file its path, by which errors call it
 * @throws ConfigError with file:line:column for each fault
 */
export function parseRunYaml(source: string, file: string): RunFile {
  const lines = new LineCounter()
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const { document, value } = valuesOf(source, file, lines)
  const yamlFaults = yamlFaultsOf(document)
  if (yamlFaults.length > 0) {
    const faults = yamlFaults.map(
      (error) => `${place(error.pos[0])} Cannot read this as YAML: ${error.message}`,
    )
    throw new ConfigError(faults.join('\n'))
  }
  const result = runYamlSchema.safeParse(value, IN_WORDS)
  if (!result.success) {
    // What breaks two rules of one key is told by the last, which is the narrower.
    const { issues: all } = result.error
    const told = all.filter((issue) => isToBeTold(issue, all))
    const issues = new Map(told.map((issue) => [issue.path.join('.'), issue]))
    const faults = [...issues.values()].flatMap((issue) => faultsOf(issue, document, place))
    throw new ConfigError(faults.join('\n'))
  }
  return {
    folder: dirname(resolve(file)),
    source,
    yaml: result.data,
    placeOf: (path) => place(offsetOf(document, path)),
  }
}

/** What YAML only warns of, such as an unknown tag, would be taken for something else. */
const yamlFaultsOf = ({ errors, warnings }: Document) => [...errors, ...warnings]

/** @throws ConfigError for YAML that nests or repeats itself beyond measure */
function valuesOf(source: string, file: string, lineCounter: LineCounter) {
  try {
    const document = parseDocument(source, { lineCounter, prettyErrors: false })
    const isSound = yamlFaultsOf(document).length === 0
    const value = isSound ? (document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {}) : null
    return { document, value: value as unknown }
  } catch (error) {
    throw new ConfigError(`Cannot read '${file}' as YAML: ${(error as Error).message}`)
  }
}

function faultsOf(
  issue: z.core.$ZodIssue,
  document: Document,
  place: (offset: number) => string,
): string[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const hint = nearest(key, knownKeys(path))
      const where = place(offsetOf(document, [...path, key]))
      const question = hint ? `: did you mean '${hint}'?` : ''
      return `${where} Unknown key '${[...path, key].join('.')}'${question}`
    })
  }
  const name = path.join('.')
  const where = place(offsetOf(document, path))
  if (issue.code === 'invalid_type' && issue.input === undefined) {
    const meaning = meaningOf(path)
    return [`${where} '${name}' is needed${meaning === null ? '' : `: ${meaning}`}`]
  }
  if (path.length === 0) return [`${where} A run.yaml ${issue.message}, such as 'name: sea'`]
  return [`${where} ${name}: ${issue.message}${currentOf(issue)}`]
}

/** The place in the text of the key at the end of a path, or else of the nearest that holds it. */
function offsetOf(document: Document, path: KeyPath): number {
  if (path.length === 0) return 0
  const parent = document.getIn(path.slice(0, -1), true)
  const node = document.getIn(path, true)
  return keyOffset(parent, path.at(-1)) ?? startOf(node) ?? offsetOf(document, path.slice(0, -1))
}

function keyOffset(map: unknown, key: unknown): number | null {
  if (!isMap(map)) return null
  const pair = map.items.find((item) => (item.key as { value?: unknown }).value === key)
  return startOf(pair?.key)
}

function startOf(node: unknown): number | null {
  return (node as { range?: [number, number, number] } | undefined)?.range?.[0] ?? null
}
