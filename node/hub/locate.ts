/** A path as it is, or what the Hub has under that name, on this machine. */
import { join, resolve } from 'node:path'
import {
  type DatasetPlace,
  type FoundFiles,
  filesOf,
  findFiles,
  readmeAt,
} from '../dataset/files.ts'
import { formatOf } from '../dataset/formats.ts'
import { exists } from './cache.ts'
import { fetchSnapshot, type HubProgress, type Wanted } from './hub.ts'
import { type HubReference, parseReference } from './reference.ts'
import type { HubSettings } from './settings.ts'
import { modelFiles, only } from './wanted.ts'

export interface Hub {
  settings: HubSettings
  onProgress: HubProgress
  /** Where what is made of a model is kept for the next time; left out: it is made each time. */
  conversions?: Conversions
}

export interface Conversions {
  folder: string
  /** Told how many bytes are made. */
  onProgress(done: number, total: number): void
}

/** The folder or file of a model. @throws ConfigError when the Hub has none, or is not reached */
export async function locateModel(name: string, folder: string, hub: Hub): Promise<string> {
  const path = resolve(folder, name)
  const reference = parseReference(name, 'models')
  if (reference === null || (await exists(path))) return path
  const wanted = (names: readonly string[]) => modelFiles(reference, names)
  const snapshot = await fetchSnapshot(reference, wanted, hub.settings, hub.onProgress)
  return reference.file === null ? snapshot.folder : join(snapshot.folder, reference.file)
}

/** Where the Hub keeps a dataset of any format, once more as parquet. */
const CONVERTED = 'refs/convert/parquet'

/**
 * The files of a dataset on the Hub: as its repository has them, or, where we cannot read those, as
 * the Hub turned them into parquet. Null: it is a path.
 * Source: Hugging Face, "Dataset viewer", auto-converted Parquet.
 */
export async function locateDataset(
  place: DatasetPlace,
  folder: string,
  hub: Hub,
): Promise<FoundFiles | null> {
  const reference = parseReference(place.path, 'datasets')
  if (reference === null || isFile(place.path, reference)) return null
  if (await exists(resolve(folder, place.path))) return null
  // What the Hub turned into parquet is the main branch.
  const isMain = reference.revision === 'main' && reference.file === null
  const revisions = isMain ? ['main', CONVERTED] : [reference.revision]
  for (const revision of revisions) {
    const found = await foundAt(
      { ...reference, revision },
      place,
      hub,
      revision === revisions.at(-1),
    )
    if (found !== null) return found
  }
  return null
}

/**
 * What ends as files of rows do is a path, there or not. A repository that is called so is meant by
 * its name and revision.
 */
const isFile = (path: string, { id }: HubReference): boolean =>
  path === id && (formatOf(path) !== null || OTHER_ROWS.test(path))

/** Null: nothing there can be read, and there is another place to look. */
async function foundAt(
  reference: HubReference,
  place: DatasetPlace,
  { settings, onProgress }: Hub,
  isLast: boolean,
): Promise<FoundFiles | null> {
  const { file } = reference
  let all: readonly string[] = []
  let readme: string | null = null
  const listing = (names: readonly string[]) => ({ title: place.path, names, readme })
  const wanted: Wanted = async (names, read) => {
    if (file !== null) return only(reference, names)
    all = names.filter((name) => name === README || !name.endsWith('.md'))
    if (!isLast && !hasRows(all)) return []
    readme = names.includes(README) ? await readmeAt(await read(README)) : null
    return filesOf(listing(all), '', place).files.map(({ name }) => name)
  }
  const snapshot = await fetchSnapshot(reference, wanted, settings, onProgress)
  if (file !== null) return findFiles({ ...place, path: file }, snapshot.folder)
  if (snapshot.files.length === 0) return null
  return filesOf(listing(all), snapshot.folder, place)
}

const README = 'README.md'
/** What has rows for sure: a .json beside such tells about them. */
const OTHER_ROWS = /\.(csv|tsv|arrow|tar|zip|xml|h5|hdf5)$/i

function hasRows(names: readonly string[]): boolean {
  const formats = names.filter((name) => name !== README).map((name) => formatOf(name)?.format)
  const isOther = names.some((name) => OTHER_ROWS.test(name))
  return formats.some((format) => format !== undefined && !(isOther && format === '.json'))
}
