/** A path as it is, or what the Hub has under that name, on this machine. */
import { join, resolve } from 'node:path'
import { exists } from './cache.ts'
import { fetchSnapshot, type HubProgress } from './hub.ts'
import { parseReference } from './reference.ts'
import type { HubSettings } from './settings.ts'
import { dataFiles, modelFiles } from './wanted.ts'

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
  return reference.file === null ? snapshot : join(snapshot, reference.file)
}

/**
 * The path of a dataset. The Hub keeps most of them as parquet on a branch of its own.
 * Source: Hugging Face, "Dataset viewer", auto-converted Parquet.
 */
export async function locateDataset(name: string, folder: string, hub: Hub): Promise<string> {
  const reference = parseReference(name, 'datasets')
  if (reference === null || (await exists(resolve(folder, name)))) return name
  const wanted = (names: readonly string[]) => dataFiles(reference, names)
  const snapshot = await fetchSnapshot(reference, wanted, hub.settings, hub.onProgress)
  return reference.file === null ? snapshot : join(snapshot, reference.file)
}
