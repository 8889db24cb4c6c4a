/** The page of a large run: nothing moves under the eye, and what it holds is bounded. */
import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { type Crowd, createCrowd } from '../dashboard/crowd.ts'
import { openPage, picture, useBrowser } from './browser.ts'
import { servePages } from './model-pages.ts'

const VOLUNTEERS = 1_000
const LEASES = 10_000
const HEAP_BYTES_MAX = 150e6
const ELEMENTS_MAX = 2_000

useBrowser()

for (const [size, viewport] of [
  ['wide', { width: 1280, height: 900 }],
  ['phone', { width: 390, height: 844 }],
] as const) {
  test(`${VOLUNTEERS} volunteers, ${LEASES} leases, ${size}: updates move nothing`, async () => {
    const crowd = createCrowd(VOLUNTEERS)
    for (let leases = 0; leases < LEASES; leases += VOLUNTEERS) {
      crowd.work()
      if (leases % (2 * VOLUNTEERS) === 0) crowd.merge()
    }
    const { address } = await servePages(crowd.model)
    const page = await openPage(address, { viewport })
    await page.getByRole('cell', { name: 'volunteer 1', exact: true }).waitFor()
    await page.evaluate(WATCH_SHIFTS)
    const log = page.getByRole('region', { name: 'log, scrollable' })
    for (const inView of [page.getByRole('heading', { level: 1 }), log]) {
      await inView.scrollIntoViewIfNeeded()
      for (let times = 1; times <= 3; times++) await goOn(page, crowd)
      expect(await page.evaluate('shifts')).toEqual([])
    }
    await expectInside(log.getByText(`held-out loss after round ${crowd.model.run.round}:`), log)
    await log.evaluate((element) => element.scrollTo(0, 0))
    const oldest = log.getByText('joined').first()
    const before = [await oldest.textContent(), await oldest.boundingBox()]
    await goOn(page, crowd)
    expect([await oldest.textContent(), await oldest.boundingBox()]).toEqual(before)
    await picture(page, `crowd-${size}`)
    expect(await page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(ELEMENTS_MAX)
    expect(await heapBytes(page)).toBeLessThan(HEAP_BYTES_MAX)
  })
}

/** Everybody hands in, it is merged, and the page shows it. */
async function goOn(page: Page, crowd: Crowd): Promise<void> {
  crowd.work()
  crowd.merge()
  await page.getByText(`${crowd.model.run.round + 1} of`).waitFor()
}

/** It is in sight, within what scrolls. */
async function expectInside(inner: Locator, outer: Locator): Promise<void> {
  const [line, box] = [(await inner.boundingBox())!, (await outer.boundingBox())!]
  expect(line.y).toBeGreaterThanOrEqual(box.y)
  expect(line.y + line.height).toBeLessThanOrEqual(box.y + box.height)
}

/** Layout shifts from now on, by what moved. */
const WATCH_SHIFTS = `
  globalThis.shifts = []
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
      for (const { node } of sources) shifts.push(value + ' ' + node?.outerHTML?.slice(0, 99))
    }
  }).observe({ type: 'layout-shift' })`

async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return usedSize
}
