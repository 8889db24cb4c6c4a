/** The folder of the run that a run.yaml describes: made, or found as it was left. */
import { rmdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, counted } from '../../protocol/index.ts'
import type { Hub } from '../hub/locate.ts'
import { isRunFolder, type RunFolder, readRunConfig, runFolder } from '../run/run-folder.ts'
import { makeFolder } from '../storage/file-system.ts'
import { differingKeys } from './differing-keys.ts'
import { type LocatedRun, locateRun } from './locate-run.ts'
import { withPlan } from './plan-run.ts'
import { prepareRun } from './prepare-run.ts'
import { readRunYaml } from './run-yaml.ts'

export interface RunFolderOptions {
  /** Null: where run.yaml says, else `runs/NAME` beside it. */
  out: string | null
  /** Null: nothing is downloaded. */
  hub: Hub | null
  /** Told what takes a while, and what was made of the data. */
  say(text: string): void
}

/** @throws ConfigError, also where the folder holds another run */
export async function runFolderOf(
  file: string,
  { out, hub, say }: RunFolderOptions,
): Promise<{ folder: RunFolder; isNew: boolean }> {
  const run = await readRunYaml(file)
  const { name, output_dir: place = join('runs', name) } = run.yaml
  const folder = runFolder(out ?? resolve(run.folder, place))
  const located = await locateRun(run, hub)
  if (isRunFolder(folder.root)) {
    await checkSameRun(located, folder)
    // Keys that are no part of the RunConfig may be others now.
    await writeFile(folder.yaml, located.source)
    return { folder, isNew: false }
  }
  await makeFolder(folder.root)
  say(`Preparing ${name}: reading the base model and tokenising the text`)
  const { dataset, notes } = await prepareRun(located, folder).catch(async (error: unknown) => {
    // Only where it is empty, as it is before the first file of the run.
    await rmdir(folder.root).catch(() => {})
    throw error
  })
  const { trainSequences, validationSequences } = dataset.config
  say(`${counted(trainSequences, 'sequence')} to train on, ${validationSequences} held out`)
  for (const note of notes) say(note)
  return { folder, isNew: true }
}

/**
 * Whether run.yaml names what the run began with as it did then: that is in the folder, wherever it
 * came from, and whatever became of the run that it is of.
 */
async function saysTheSameStart({ yaml }: LocatedRun, folder: RunFolder): Promise<boolean> {
  const then = await readRunYaml(folder.yaml).catch(() => null)
  const keys = ['adapter_from', 'adapter_round'] as const
  return then !== null && keys.every((key) => then.yaml[key] === yaml[key])
}

/** A folder holds one run: what is hosted in it again must be that run. */
async function checkSameRun(located: LocatedRun, folder: RunFolder): Promise<void> {
  const { config: found } = await readRunConfig(folder)
  const start = (await saysTheSameStart(located, folder)) ? found.adapter.start : undefined
  const keys = await withPlan(located, ({ config }) => differingKeys(found, config), start ?? null)
  if (keys.length > 0) {
    throw new ConfigError(
      `Cannot host this run in '${folder.root}' as it holds another one: run.yaml, the base or ` +
        `the data have changed since, in ${keys.join(', ')}. Undo that, or give another folder ` +
        'with --out.',
    )
  }
}
