/** The dashboard on a port of its own, beside the coordinator of a run. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { zipSync } from 'fflate'
import { exportRun } from '../run/export-run.ts'
import type { RunFolder } from '../run/run-folder.ts'
import type { ReadModel } from './read-model.ts'
import { createDashboard } from './routes.ts'

/** Made by `npm run prepare`, which `npm ci` runs. */
const PAGES = join(import.meta.dirname, 'dist')

export interface DashboardServer {
  url: string
  stop(): Promise<void>
}

export interface DashboardServerOptions {
  host: string
  port: number
  model: ReadModel
  link: string | null
  folder: RunFolder
}

/** @throws Error when the port cannot be used. */
export async function serveDashboard(options: DashboardServerOptions): Promise<DashboardServer> {
  const { host, port, model, link, folder } = options
  const exportRound = oneAtATime((round: number) => zipOfRound(folder, model, round))
  const dashboard = createDashboard({ model, link, pages: PAGES, exportRound })
  const server = createAdaptorServer({ fetch: dashboard.app.fetch })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  }).catch((error) => {
    dashboard.close()
    throw error
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${bound}/`,
    stop: async () => {
      dashboard.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
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
