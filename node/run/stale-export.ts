/** What was exported into a run's folder before the run went back. */
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, digestOf } from '../../protocol/index.ts'
import { bytesOf } from '../compute/floats.ts'
import { EXPORT_FORMATS } from '../export/formats.ts'
import { adapterOnCard } from '../export/model-card.ts'
import { CARD_FILE } from '../export/write-export.ts'
import { readPeftAdapter } from '../model/peft.ts'
import { ignoreMissing } from '../storage/file-system.ts'
import { adaptersOf } from './check-export.ts'
import { exportFolder } from './export-run.ts'
import type { OpenedRun } from './open-run.ts'

type Rewound = Pick<OpenedRun, 'folder' | 'config' | 'runId' | 'state'>

/**
 * Removes what was exported, in each format, where no round that is left made its adapter. It is
 * not written anew, as the run is about to go on: whoever wants an adapter before that asks for it
 * with `barnraise export`. Returns what was done, in sentences.
 */
export async function removeStaleExports(run: Rewound): Promise<string[]> {
  const left = new Set(adaptersOf(run.state))
  const said: string[] = []
  for (const format of EXPORT_FORMATS) {
    const folder = exportFolder(run.folder, format)
    const adapter = format === 'peft' ? await weightsIn(folder, run) : await cardIn(folder, run)
    if (adapter === null || left.has(adapter)) continue
    await rm(folder, { recursive: true })
    said.push(`${folder} is removed: the run went back behind the round whose adapter it was`)
  }
  return said
}

/**
 * Digest of the adapter that the folder holds; null: there is none, or it cannot be read, which is
 * left for `verify` to say.
 */
async function weightsIn(folder: string, { config: { base } }: Rewound): Promise<Digest | null> {
  if (!existsSync(folder)) return null
  const read = readPeftAdapter(folder, base.shape, base.weights.digest)
  const found = await read.catch(() => null)
  return found === null ? null : digestOf(bytesOf(found.values))
}

/** What the card says, where it is an export of this run: merged weights hold no adapter. */
async function cardIn(folder: string, { runId }: Rewound): Promise<Digest | null> {
  const card = await readFile(join(folder, CARD_FILE), 'utf8').catch(ignoreMissing)
  return card?.includes(runId) ? adapterOnCard(card) : null
}
