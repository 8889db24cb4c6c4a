/** The pages as people see them: every view, wide and narrow, light and dark, and read aloud. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { createCrowd } from '../dashboard/crowd.ts'
import { playTranscript } from '../dashboard/transcript-events.ts'
import { openPage, type PageOptions, picture, useBrowser, violations } from './browser.ts'
import { servePages } from './model-pages.ts'

useBrowser()

const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }
/** Whoever looks, what they look at, by which word, and what they alone see. */
const VIEWS = [
  ['organiser', 'coordinator-merge.txt', '#admin=admin', 'Join'],
  ['guest', 'coordinator-straggler.txt', '#join=0123456789abcdef', 'Train in this tab'],
] as const

for (const [view, transcript, word, heading] of VIEWS) {
  for (const size of ['wide', 'phone'] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`${view}, ${size}, ${colorScheme}: nothing that axe complains about`, async () => {
        const options: PageOptions = { viewport: SIZES[size], colorScheme }
        const { address } = await servePages(playTranscript(transcript).model)
        const page = await openPage(`${address}${word}`, options)
        await page.getByText('live', { exact: true }).waitFor()
        await page.getByRole('heading', { name: heading }).waitFor()
        await picture(page, `${view}-${size}-${colorScheme}`)
        expect(await violations(page)).toEqual([])
        const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
        expect(await page.evaluate(isTooWide)).toBe(false)
      })
    }
  }
}

test('nobody has come yet: the page says so, and how to begin', async () => {
  const { address } = await servePages(createCrowd(0).model)
  for (const size of ['wide', 'phone'] as const) {
    const page = await openPage(`${address}#admin=admin`, { viewport: SIZES[size] })
    await page.getByText('Nobody has joined yet').waitFor()
    await page.getByText('the first volunteer starts round 1').waitFor()
    await picture(page, `empty-${size}`)
    expect(await violations(page)).toEqual([])
  }
})

test('the coordinator goes: the page says so, and keeps what it last heard', async () => {
  const { address, close } = await servePages(playTranscript('coordinator-merge.txt').model)
  // It is told on the console, too, that the address does not answer any more.
  const complaints = [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING/]
  const pages: Page[] = []
  for (const size of ['wide', 'phone'] as const) {
    pages.push(await openPage(address, { viewport: SIZES[size] }, complaints))
  }
  for (const page of pages) await page.getByText('live', { exact: true }).waitFor()
  await close()
  for (const [index, page] of pages.entries()) {
    await page.getByText('The coordinator does not answer').waitFor()
    await page.getByRole('heading', { name: 'Who is here' }).waitFor()
    await picture(page, `gone-${Object.keys(SIZES)[index]}`)
    expect(await violations(page)).toEqual([])
  }
})
