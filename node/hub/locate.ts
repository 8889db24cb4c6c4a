/** A path as it is, or what the Hub has under that name, on this machine. */
import { join, resolve } from 'node:path'
import { exists } from './cache.ts'
import { fetchSnapshot, type HubProgress } from './hub.ts'
import { parseReference } from './reference.ts'
import type { HubSettings } from './settings.ts'
import { dataFiles, modelFiles, unreadable } from './wanted.ts'

export interface Hub {
  settings: HubSettings
  onProgress: HubProgress
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
 * The files of a dataset: as its repository has them, or, where we cannot read those, as the Hub
 * turned them into parquet. By their names, since the folder may hold more of it from another time.
 * Source: Hugging Face, "Dataset viewer", auto-converted Parquet.
 */
export async function locateDataset(name: string, folder: string, hub: Hub): Promise<string[]> {
  const reference = parseReference(name, 'datasets')
  if (reference === null || (await exists(resolve(folder, name)))) return [name]
  const wanted = (names: readonly string[]) => dataFiles(reference, names)
  // What the Hub turned into parquet is the main branch.
  const isMain = reference.revision === 'main' && reference.file === null
  for (const revision of isMain ? ['main', CONVERTED] : [reference.revision]) {
    const asked = { ...reference, revision }
    const snapshot = await fetchSnapshot(asked, wanted, hub.settings, hub.onProgress)
    const paths = snapshot.files.map((file) => join(snapshot.folder, file))
    if (paths.length > 0) return paths
  }
  throw unreadable(reference)
}
