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

/** What Chromium itself writes to the console of what could not be fetched. */
const FAILED = [/Failed to load resource/]

for (const [what, status, given, sent, complaints] of [
  ['all of it', 200, 1, 0, []],
  ['half of it', 200, 0.5, 0.5, []],
  ['nothing', 404, 0, 1, FAILED],
] as [string, number, number, number, RegExp[]][]) {
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
      const headers = { 'Access-Control-Allow-Origin': '*' }
      return route.fulfill({ status, headers, body })
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
    // What came in whole chunks is not asked for again.
    const chunks = Math.floor((base.length * (1 - sent)) / BLOB_CHUNK_BYTES)
    const expected = sent === 0 ? 0 : base.length - chunks * BLOB_CHUNK_BYTES
    expect(hosted.dashboard.run.baseBytesSent).toBe(expected)
    await tab.close()
  })
}
