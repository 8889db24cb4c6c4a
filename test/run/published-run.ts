/** A small run that was hosted, joined and published, with all that must stay private. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publishedPage } from '../../node/dashboard/published-page.ts'
import { openRun } from '../../node/run/open-run.ts'
import { publishRun } from '../../node/run/publish.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { hostRun, joinRun, prepareSmallRun } from '../roles/swarm.ts'

export interface PublishedRun {
  /** The folder that was published. */
  folder: string
  run: RunFolder
  runId: string
  coordinator: string
  /** The adapter that the run made. */
  adapter: string
  link: string
}

export async function publishSmallRun(withHeldOut = false, steps = 8): Promise<PublishedRun> {
  const run = await prepareSmallRun({ max_steps: steps }, { round_batches: 4 })
  const hosted = await hostRun(run, { listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
  const { link, runId, coordinator } = hosted
  await writeFile(run.link, link)
  await joinRun(run, link, 'ada')
  await hosted.finished
  await hosted.stop()
  const folder = join(run.root, '..', 'published')
  const page = await publishedPage(run)
  await publishRun(run, { out: folder, withHeldOut, page, hear: () => {} })
  const adapter = (await openRun(run)).state.round.start.base
  return { folder, run, runId, coordinator, adapter, link }
}

/** Texts that nobody may find in what was published. */
export async function secretsOf({ run, link }: PublishedRun): Promise<Map<string, Uint8Array>> {
  const text = (value: string) => new TextEncoder().encode(value)
  const key = await readFile(run.identity)
  // The protobuf holds the secret half and the public one, of which the peer id is made.
  const secret = key.subarray(4, 36)
  const token = (await readFile(run.token, 'utf8')).trim()
  const port = /\/tcp\/(\d+)\//.exec(link)![1]!
  return new Map([
    ['token', text(token)],
    ['key', secret],
    ['key in hexadecimal', text(secret.toString('hex'))],
    ['key in base64', text(secret.toString('base64').slice(0, 40))],
    ['address', text('127.0.0.1')],
    ['port', text(`/tcp/${port}`)],
    ['folder', text(run.root)],
  ])
}
