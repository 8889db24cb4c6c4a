/** The page of a run with rated answers and scores, as wide as people have it: nothing is cut. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { createCrowd } from '../dashboard/crowd.ts'
import { openPage, picture, useBrowser, violations } from './browser.ts'
import { servePages } from './model-pages.ts'

useBrowser()

/** No name may be longer. */
const LONG_NAMES = [
  'Philippa of the red barn by the lake, with the two old laptops .',
  'bartholomew-maximilian-of-the-village-school-class-3b-second-row',
]

/** Texts of which a part is nowhere to be seen, however one scrolls. */
const CUT = `(() => {
  const isCut = (one) => {
    const { overflowX, overflowY } = getComputedStyle(one)
    const isTooWide = overflowX === 'hidden' && one.scrollWidth > one.clientWidth + 1
    const isTooHigh = overflowY === 'hidden' && one.scrollHeight > one.clientHeight + 1
    return !one.matches('.hidden') && (isTooWide || isTooHigh)
  }
  return [...document.querySelectorAll('main *')].filter(isCut).map((one) => one.textContent)
})()`

for (const [look, width, columns] of [
  ['wide', 1280, ['tokens', 'time', 'uploaded']],
  ['phone', 390, []],
] as const) {
  test(`${look}: accuracy, margin and scores are curves and columns, no text is cut`, async () => {
    const { model, work, merge } = createCrowd(2, (index) => LONG_NAMES[index]!, true)
    for (const [loss, accuracy, margin, acc] of [
      [0.6, 0.55, 0.2, 0.5],
      [0.5, 0.6, 0.8, 0.5],
      [0.4, 0.7, 1.1, 0.75],
      [0.3, 0.8, 1.9, 1],
    ] as const) {
      work()
      merge(loss, { rated: { accuracy, margin }, scores: { acc, accNorm: acc / 2 } })
    }
    const { address } = await servePages(model)
    const page = await openPage(`${address}#admin=admin`, { viewport: { width, height: 900 } })
    await page.getByRole('img', { name: 'accuracy, margin, acc, acc_norm, by round' }).waitFor()
    await page.getByText('scores after round 4').last().waitFor()
    await picture(page, `rated-${look}`)
    const figures = ['held-out loss', 'accuracy', 'margin', 'acc', 'acc_norm']
    expect(await textsOf(page, '.rounds th')).toEqual(['round', 'adapter', ...figures, ...columns])
    const row = await textsOf(page, '.rounds tbody tr:first-child td')
    const expected = ['4', 'download (best)', '0.3000', '80.0 %', '1.9000', '100.0 %', '50.0 %']
    expect(row.slice(0, expected.length)).toEqual(expected)
    expect(await page.evaluate(CUT)).toEqual([])
    expect(await isInView(page, '.log', 'scores after round 4: acc 100.0 %, acc_norm 50.0 %')).toBe(
      true,
    )
    expect(await violations(page)).toEqual([])
    const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
    expect(await page.evaluate(isTooWide)).toBe(false)
  })
}

/** Whether a text is in what its part of the page shows, as far as that is scrolled. */
async function isInView(page: Page, selector: string, text: string): Promise<boolean> {
  const line = page.locator(selector).getByText(text)
  const view = page.locator('.scroll', { has: page.locator(selector) })
  const [inner, outer] = [(await line.boundingBox())!, (await view.boundingBox())!]
  return inner.y >= outer.y && inner.y + inner.height <= outer.y + outer.height
}

/** The texts that can be seen. */
async function textsOf(page: Page, selector: string): Promise<string[]> {
  return page.locator(`${selector}:visible`).allTextContents()
}
