/** A browser computes the bits that Node does, with threads and without. */
import { expect, test } from 'vitest'
import { openPage, useBrowser } from './browser.ts'
import { DIGEST_CASES, digestsInWorker, frozenDigests } from './digest-cases.ts'
import { startSite, workerResources } from './site.ts'

useBrowser()
const resources = await workerResources(['digests-worker', 'helper-worker'])

for (const { what, request, isIsolated } of DIGEST_CASES) {
  test(what, async () => {
    const page = await openPage(await startSite(resources, isIsolated))
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isIsolated)
    expect(await page.evaluate(digestsInWorker, request)).toEqual(frozenDigests(request))
  })
}
