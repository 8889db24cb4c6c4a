/** Where a run's base and data are on this machine, once what is on the Hub is here. */
import { basename, resolve } from 'node:path'
import type { DatasetPlace, FoundFiles } from '../dataset/files.ts'
import type { ScoredSources } from '../dataset/read-scored-rows.ts'
import type { DatasetEntry } from '../dataset/sources.ts'
import { exists } from '../hub/cache.ts'
import { type Conversions, type Hub, locateDataset, locateModel } from '../hub/locate.ts'
import { parseReference } from '../hub/reference.ts'
import { EMBEDDED_MODEL } from '../model/base-model.ts'
import type { RunYaml } from './run-keys.ts'
import type { RunFile } from './run-yaml.ts'

export interface LocatedRun extends RunFile {
  base: string
  /** What everybody calls the base. */
  baseName: string
  datasets: DatasetEntry[]
  /** Null: what is made of the base is gone when it is closed. */
  conversions: Conversions | null
  /** What adapters are scored on; null: nothing. */
  scored: ScoredSources | null
}

/** @param hub null: names are paths */
export async function locateRun(file: RunFile, hub: Hub | null): Promise<LocatedRun> {
  const { folder, yaml } = file
  const { base_model: name, datasets } = yaml
  return {
    ...file,
    base: await locateBase(name, folder, hub),
    baseName: await nameOf(name, folder),
    datasets: await locatedAll(datasets, folder, hub),
    conversions: hub?.conversions ?? null,
    scored: await locateScored(yaml, folder, hub),
  }
}

async function locateScored(
  { eval_choices: choices, eval_generate: generate }: RunYaml,
  folder: string,
  hub: Hub | null,
): Promise<ScoredSources | null> {
  if (choices === undefined && generate === undefined) return null
  return {
    choices: choices === undefined ? null : await located(choices, folder, hub),
    generate: generate === undefined ? null : await located(generate, folder, hub),
  }
}

export async function locateBase(name: string, folder: string, hub: Hub | null): Promise<string> {
  if (name === 'embedded') return EMBEDDED_MODEL
  return hub === null ? resolve(folder, name) : locateModel(name, folder, hub)
}

async function locatedAll(
  datasets: RunYaml['datasets'],
  folder: string,
  hub: Hub | null,
): Promise<DatasetEntry[]> {
  const all: DatasetEntry[] = []
  // One after the other, so that progress is of one file at a time.
  for (const dataset of datasets) all.push(await located(dataset, folder, hub))
  return all
}

async function located<T extends DatasetPlace>(
  place: T,
  folder: string,
  hub: Hub | null,
): Promise<T & { found?: FoundFiles }> {
  const found = hub === null ? null : await locateDataset(place, folder, hub)
  return found === null ? place : { ...place, found }
}

async function nameOf(name: string, folder: string): Promise<string> {
  const isPath = name === 'embedded' || (await exists(resolve(folder, name)))
  return (isPath ? null : parseReference(name, 'models')?.id) ?? basename(name)
}
