/**
 * What a dataset's README.md says of its files: YAML between two lines of three dashes, of which
 * `configs` names parts of the dataset, and patterns of files for the splits of each.
 * Source: Hugging Face Hub, "Manual Configuration"; datasets, utils/metadata.py.
 */
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { ConfigError } from '../../protocol/index.ts'
import { IN_WORDS, shapeFaults } from '../shape-faults.ts'

export interface CardConfig {
  name: string
  isDefault: boolean
  /** That its patterns are relative to, with a slash at its end; empty: the top. */
  folder: string
  /** None: the names of its files tell. */
  splits: { name: string; patterns: readonly string[] }[]
}

const patterns = z.union([z.string(), z.array(z.string())])
const dataFiles = z.union([
  patterns,
  z.array(z.looseObject({ split: z.string(), path: patterns })).min(1),
])
const configsSchema = z
  .array(
    z.looseObject({
      config_name: z.string().min(1),
      default: z.boolean().nullish(),
      data_dir: z.string().nullish(),
      data_files: dataFiles.nullish(),
    }),
  )
  .max(10_000)
const cardSchema = z.looseObject({ configs: configsSchema.nullish() })

const FRONT = /^---[ \t]*\r?\n(?<yaml>[\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/

/** @throws ConfigError when what it says of files cannot be understood */
export function configsOfCard(readme: string, title: string): CardConfig[] {
  const yaml = FRONT.exec(readme)?.groups?.yaml
  if (yaml === undefined) return []
  const result = cardSchema.safeParse(parsed(yaml, title), IN_WORDS)
  if (!result.success) {
    const faults = shapeFaults(result.error)
    throw new ConfigError(`Cannot read README.md of the dataset '${title}' as ${faults}`)
  }
  return (result.data.configs ?? []).map((config) => ({
    name: config.config_name,
    isDefault: config.default === true,
    folder: folderOf(config.data_dir ?? ''),
    splits: splitsOf(config.data_files),
  }))
}

/** @returns what the YAML says, an empty object for nothing */
function parsed(yaml: string, title: string): unknown {
  if (isNested(yaml)) {
    const must = `its YAML must be nested at most ${NESTING_MAX} deep`
    throw new ConfigError(`Cannot read README.md of the dataset '${title}' as ${must}`)
  }
  try {
    const document = parseDocument(yaml, { prettyErrors: false })
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS({ maxAliasCount: 100 }) ?? {}
  } catch (error) {
    const reason = (error as Error).message
    throw new ConfigError(`Cannot read README.md of the dataset '${title}': ${reason}`)
  }
}

const NESTING_MAX = 50
const DASHES = new RegExp(`^ *(?:[-?:] +){${NESTING_MAX}}`, 'm')

/** Parsing takes the longer the deeper it is: brackets, or dashes in a line, are deep soon. */
function isNested(yaml: string): boolean {
  let depth = 0
  for (const bracket of yaml.match(/[[\]{}]/g) ?? []) {
    depth = Math.max(0, depth + (bracket === '[' || bracket === '{' ? 1 : -1))
    if (depth > NESTING_MAX) return true
  }
  return DASHES.test(yaml)
}

function folderOf(path: string): string {
  const trimmed = path.replace(/^(\.?\/)+/, '').replace(/\/+$/, '')
  return trimmed === '' || trimmed === '.' ? '' : `${trimmed}/`
}

function splitsOf(given: z.infer<typeof dataFiles> | null | undefined): CardConfig['splits'] {
  if (given === null || given === undefined) return []
  const list = Array.isArray(given) ? given : [given]
  const texts = list.filter((one) => typeof one === 'string')
  const told = list.filter((one) => typeof one !== 'string')
  if (told.length === 0) return [{ name: 'train', patterns: texts.map(plain) }]
  return told.map(({ split, path }) => ({ name: split, patterns: [path].flat().map(plain) }))
}

const plain = (pattern: string): string => pattern.replace(/^\.\//, '')
