/** Firefox and WebKit compute the bits that Node does, with threads where they can share memory. */
import { expect, test } from 'vitest'
import { DIGEST_CASES, digestsInWorker, frozenDigests } from '../chromium/digest-cases.ts'
import { startSite, workerResources } from '../chromium/site.ts'
import { BROWSERS } from './browsers.ts'
import { openTab } from './open-tab.ts'

const resources = await workerResources(['digests-worker', 'helper-worker'])

for (const { browser, threads } of BROWSERS) {
  const cases = DIGEST_CASES.filter(({ request }) => threads.includes(request.threads))
  for (const { what, request, isIsolated } of cases) {
    test(`${browser.name}: ${what}`, async () => {
      const tab = await openTab(browser, await startSite(resources, isIsolated))
      expect(await tab.evaluate(() => crossOriginIsolated, null)).toBe(isIsolated)
      expect(await tab.evaluate(digestsInWorker, request)).toEqual(frozenDigests(request))
    })
  }
}
