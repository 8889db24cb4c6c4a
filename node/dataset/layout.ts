/**
 * Which files of a folder, or of a repository on the Hub, are the rows that are asked for: its
 * README.md says so in `configs:`, or the names of files and folders do.
 * Source: datasets, data_files.py and load.py.
 */
import { ConfigError } from '../../protocol/index.ts'
import { type Format, formatOf } from './formats.ts'
import { globMatcher } from './glob.ts'
import { type CardConfig, configsOfCard } from './readme.ts'

export interface Listing {
  /** How messages call it. */
  title: string
  /** The names of its files, from its top, with slashes. */
  names: readonly string[]
  /** What README.md says; null: there is none. */
  readme: string | null
}

/** What run.yaml wants of it. */
export interface Wanted {
  /** `name:`, one of the configs of README.md. */
  config: string | undefined
  split: string
}

/**
 * The files of the split that is wanted, in the order of their names.
 * @throws ConfigError when there is no such config or split, or which config is not said
 */
export function chooseFiles(listing: Listing, wanted: Wanted): string[] {
  const visible = listing.names.filter(isVisible).sort()
  const configs = configsOf(listing, visible)
  const config = chosenConfig(configs, listing.title, wanted.config)
  const splits = splitsOf(config, visible)
  if (splits === null) return [...everything(visible, listing.title, wanted)]
  const files = splits.get(wanted.split)
  if (files !== undefined) {
    checkPatterns(config, visible, listing.title, wanted)
    return ofOneKind(files)
  }
  throw new ConfigError(
    `Cannot read the dataset '${listing.title}' as it has no split '${wanted.split}': set ` +
      `'split:' to ${listed([...splits.keys()])}`,
  )
}

const listed = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(' or ')

/** What tells about the rows, and is none of them. */
const ABOUT = new Set([
  'README.md',
  'config.json',
  'dataset_info.json',
  'dataset_infos.json',
  'dataset_dict.json',
])

function isVisible(name: string): boolean {
  const parts = name.split('/')
  return !ABOUT.has(parts.at(-1)!) && !parts.some((part) => /^(\.|__)/.test(part))
}

/** The branch to which the Hub writes datasets as parquet has a folder a config. */
const CONVERTED = /^(?<config>[^/]+)\/(?<split>[^/]+)\/\d{4}\.parquet$/

function configsOf({ readme, title }: Listing, visible: readonly string[]): CardConfig[] {
  const said = readme === null ? [] : configsOfCard(readme, title)
  const isConverted = visible.length > 0 && visible.every((name) => CONVERTED.test(name))
  if (said.length > 0 || !isConverted) return said
  const configs = new Map<string, Set<string>>()
  for (const name of visible) {
    const { config = '', split = '' } = CONVERTED.exec(name)!.groups!
    configs.set(config, (configs.get(config) ?? new Set()).add(split))
  }
  return [...configs].map(([name, splits]) => ({
    name,
    isDefault: false,
    folder: '',
    splits: [...splits].map((split) => ({ name: split, patterns: [`${name}/${split}/*.parquet`] })),
  }))
}

function chosenConfig(
  configs: readonly CardConfig[],
  title: string,
  wanted: string | undefined,
): CardConfig | null {
  const names = listed(configs.map(({ name }) => name))
  if (wanted !== undefined) {
    const chosen = configs.find(({ name }) => name === wanted)
    if (chosen !== undefined) return chosen
    const others = configs.length === 0 ? 'it names no configs' : `its configs are ${names}`
    throw new ConfigError(`Cannot read '${wanted}' of the dataset '${title}' as ${others}`)
  }
  if (configs.length < 2) return configs[0] ?? null
  const defaults = configs.filter(({ name, isDefault }) => isDefault || name === 'default')
  if (defaults.length === 1) return defaults[0]!
  throw new ConfigError(
    `Cannot read the dataset '${title}' as its config name is missing: set 'name:' to ${names}`,
  )
}

type Splits = ReadonlyMap<string, readonly string[]>

/** Null: neither README.md nor a name tells of splits. */
function splitsOf(config: CardConfig | null, visible: readonly string[]): Splits | null {
  if (config === null) return splitsByName(visible)
  const inside = visible.filter((name) => name.startsWith(config.folder))
  if (config.splits.length === 0) return splitsByName(inside) ?? new Map([['train', inside]])
  return new Map(
    config.splits.map(({ name, patterns }) => {
      const matchers = patterns.map((pattern) => globMatcher(`${config.folder}${pattern}`))
      return [name, inside.filter((file) => matchers.some((matches) => matches(file)))]
    }),
  )
}

/** @throws ConfigError where README.md names files that are not there */
function checkPatterns(
  config: CardConfig | null,
  visible: readonly string[],
  title: string,
  { split }: Wanted,
): void {
  const { patterns = [] } = config?.splits.find(({ name }) => name === split) ?? {}
  for (const pattern of patterns) {
    const matches = globMatcher(`${config!.folder}${pattern}`)
    if (visible.some(matches)) continue
    throw new ConfigError(
      `Cannot read the dataset '${title}' as its README.md names '${pattern}' among the files of ` +
        `'${split}', and there is none: get the whole of it, or mend README.md`,
    )
  }
}

const SHARDED = /^data\/(?<split>[^/]+)-\d{5}-of-\d{5}[^/]*\.[^/]*$/
const KEYWORDS = [
  ['train', 'train|training'],
  ['validation', 'validation|valid|dev|val'],
  ['test', 'test|testing|eval|evaluation'],
] as const
const SEPARATOR = '[-._ 0-9]'

function splitsByName(visible: readonly string[]): Splits | null {
  const sharded = grouped(visible, (name) => [SHARDED.exec(name)?.groups?.split ?? []].flat())
  if (sharded.size > 0) return sharded
  const ofFolder = keywordsIn(
    (words) => new RegExp(`^(.*${SEPARATOR})?(${words})(${SEPARATOR}.*)?$`),
  )
  const folders = grouped(visible, (name) => ofFolder(name.split('/').slice(0, -1)))
  if (folders.size > 0) return folders
  const ofFile = keywordsIn((words) => new RegExp(`^(.*${SEPARATOR})?(${words})${SEPARATOR}.*$`))
  const files = grouped(visible, (name) => ofFile(name.split('/').slice(-1)))
  return files.size > 0 ? files : null
}

/** The splits of which a keyword is in one of the parts. */
function keywordsIn(patternOf: (words: string) => RegExp): (parts: string[]) => string[] {
  const patterns = KEYWORDS.map(([split, words]) => [split, patternOf(words)] as const)
  return (parts) =>
    patterns
      .filter(([, pattern]) => parts.some((part) => pattern.test(part)))
      .map(([split]) => split)
}

/** Only what can be read counts. */
function grouped(visible: readonly string[], splitsOfName: (name: string) => string[]): Splits {
  const splits = new Map<string, string[]>()
  for (const name of visible) {
    if (formatOf(name) === null) continue
    for (const split of splitsOfName(name)) {
      const files = splits.get(split)
      if (files === undefined) splits.set(split, [name])
      else files.push(name)
    }
  }
  return splits
}

/** Rows of a split are of one kind of file, of which there are most; ties go in this order. */
const PREFERRED: readonly (readonly Format[])[] = [
  ['.parquet'],
  ['.jsonl', '.json'],
  ['.csv', '.tsv'],
  ['.txt'],
  ['.md'],
]

function ofOneKind(files: readonly string[]): string[] {
  const kinds = PREFERRED.map((formats) =>
    files.filter((name) => formats.some((format) => format === formatOf(name)?.format)),
  )
  return kinds.reduce((most, kind) => (kind.length > most.length ? kind : most))
}

/** All that can be read; a .json may tell about the others, so it is read where it is alone. */
function everything(visible: readonly string[], title: string, { split }: Wanted): string[] {
  if (split !== 'train') {
    throw new ConfigError(
      `Cannot read the split '${split}' of the dataset '${title}' as no name of a file or folder ` +
        "tells of splits, so that all is 'train'",
    )
  }
  const readable = visible.filter((name) => formatOf(name) !== null)
  const plain = readable.filter((name) => formatOf(name)!.format !== '.json')
  return plain.length > 0 ? plain : readable
}
