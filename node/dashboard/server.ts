/** The pages of a run, as a listener for the coordinator's own port. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { zipSync } from 'fflate'
import { exportRun } from '../run/export-run.ts'
import type { RunFolder } from '../run/run-folder.ts'
import type { ReadModel } from './read-model.ts'
import { createDashboard, type Invitation } from './routes.ts'
import { createTryFiles } from './try-files.ts'

/** Made by `npm run prepare`, which `npm ci` runs. */
const BUILT = join(import.meta.dirname, 'dist')

export interface PagesOptions {
  model: ReadModel
  invitation: Invitation
  admin: string
  folder: RunFolder
}

export interface Pages {
  answer: RequestListener
  /** Ends the streams. */
  close(): void
}

export function createPages({ model, invitation, admin, folder }: PagesOptions): Pages {
  const exportRound = oneAtATime((round: number) => zipOfRound(folder, model, round))
  const tryFiles = createTryFiles(folder, model)
  const doors = { model, invitation, admin, pages: BUILT }
  const { app, close } = createDashboard({ ...doors, exportRound, tryFiles })
  return { answer: getRequestListener(app.fetch), close }
}

/** The PEFT folder of a round, in one file. */
async function zipOfRound(
  folder: RunFolder,
  { run }: ReadModel,
  round: number,
): Promise<Uint8Array | null> {
  if (round < 1 || round > run.round) return null
  const out = await mkdtemp(join(tmpdir(), 'barnraise-adapter-'))
  try {
    await exportRun(folder, { format: 'peft', round, out })
    const names = await readdir(out)
    const files = await Promise.all(names.map((name) => readFile(join(out, name))))
    return zipSync(Object.fromEntries(names.map((name, i) => [name, files[i]!])), { level: 0 })
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

/** An export replays the journal: many at once would starve the coordinator. */
function oneAtATime<I, O>(work: (input: I) => Promise<O>): (input: I) => Promise<O> {
  let last: Promise<unknown> = Promise.resolve()
  return (input) => {
    const next = last.catch(() => {}).then(() => work(input))
    last = next
    return next
  }
}
