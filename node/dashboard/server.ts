/** The pages of a run, as a listener for the coordinator's own port. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import { zipSync } from 'fflate'
import type { ReadModel } from '../history/read-model.ts'
import type { Answerer } from '../network/http.ts'
import { exportRun } from '../run/export-run.ts'
import type { RunFolder } from '../run/run-folder.ts'
import { createAdapterZips } from './adapter-zips.ts'
import type { Invitation } from './invitation.ts'
import { createProofFiles } from './proof-files.ts'
import { createDashboard, type DashboardOptions } from './routes.ts'
import { BUILT } from './static-pages.ts'
import { createTryFiles } from './try-files.ts'

export interface PagesOptions {
  model: ReadModel
  invitation: Invitation
  isInvited: DashboardOptions['isInvited']
  order: DashboardOptions['order']
  admin: string
  folder: RunFolder
}

export interface Pages {
  answer: RequestListener
  /** The same, for what comes over libp2p. */
  answerOver: Answerer
  /** The organiser's page shows this link from now on. */
  inviteBy(link: string): void
  /** Ends the streams. */
  close(): void
}

export function createPages({ model, folder, ...options }: PagesOptions): Pages {
  const invitation = { ...options.invitation }
  const adapterZips = createAdapterZips((round) => zipOfRound(folder, model, round))
  const tryFiles = createTryFiles(folder, model)
  const proofFiles = createProofFiles(folder, model)
  const { app, close } = createDashboard({
    ...options,
    invitation,
    model,
    pages: BUILT,
    adapterZips,
    tryFiles,
    proofFiles,
  })
  const inviteBy = (link: string) => {
    invitation.link = link
  }
  // Of those who come through relays nobody knows from where: they share what one place has.
  const relayed = { incoming: { socket: { remoteAddress: 'relay' } } }
  const answerOver = (request: Request) => app.fetch(request, relayed)
  return { answer: getRequestListener(app.fetch), answerOver, inviteBy, close }
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
