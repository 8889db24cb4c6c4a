/** A tab fetches the base from a mirror elsewhere, and what that does not give from the run. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Route } from 'playwright-core'
import { expect, test } from 'vitest'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { blobPath } from '../../node/storage/blob-path.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { prepareSmallRun } from '../roles/swarm.ts'
import { openPage, useBrowser } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

const MIRROR = 'https://mirror.example/bases'

/** Chromium itself writes to the console what could not be fetched. */
const FAILED = [/Failed to load resource/, /blocked by CORS policy/]

for (const [what, given, headers, chunksSent, complaints] of [
  ['all of it', 1, { 'Access-Control-Allow-Origin': '*' }, 0, []],
  ['half of it', 0.5, { 'Access-Control-Allow-Origin': '*' }, null, []],
  ['nothing to other origins', 1, {}, 1, FAILED],
] as [string, number, Record<string, string>, number | null, RegExp[]][]) {
  test(`a mirror gives a tab ${what}`, async () => {
    const run = await prepareSmallRun({ max_steps: 8 }, { round_batches: 8 })
    const { digest } = (await readRunConfig(run)).config.base.weights
    const base = await readFile(join(run.blobs, blobPath(digest)))
    const hosted = await hostWithPages(run, { mirrors: [MIRROR] })
    const asked: Record<string, string | undefined>[] = []
    const answer = (route: Route) => {
      const { cookie, referer, origin } = route.request().headers()
      asked.push({ url: route.request().url(), cookie, referer, origin })
      const body = base.subarray(0, Math.ceil(base.length * given))
      return route.fulfill({ status: 200, headers, body })
    }
    const elsewhere = { addresses: `${MIRROR}/**`, answer }
    const address = `${hosted.pageAddresses[0]}#join=${hosted.link.split('#')[1]}`
    const tab = await openPage(address, { elsewhere }, complaints)
    await tab.getByLabel('while something else needs the machine').uncheck()
    await tab.getByRole('button', { name: 'Start training' }).click()
    await tab.getByText('The run is finished').waitFor()
    await hosted.finished
    expect(asked[0]).toMatchObject({ url: `${MIRROR}/${digest}` })
    expect(asked[0]!.cookie ?? asked[0]!.referer).toBe(undefined)
    const half = base.length - Math.floor(base.length / 2 / BLOB_CHUNK_BYTES) * BLOB_CHUNK_BYTES
    const expected = chunksSent === null ? half : chunksSent * base.length
    expect(hosted.dashboard.run.baseBytesSent).toBe(expected)
    await tab.close()
  })
}
