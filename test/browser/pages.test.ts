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

const LOOKS = (['wide', 'phone'] as const).flatMap((size) =>
  (['light', 'dark'] as const).map((colorScheme) => ({
    look: `${size}-${colorScheme}`,
    options: { viewport: SIZES[size], colorScheme } satisfies PageOptions,
  })),
)

for (const [view, transcript, word, heading] of VIEWS) {
  for (const { look, options } of LOOKS) {
    test(`${view}, ${look}: nothing that axe complains about`, async () => {
      const { address } = await servePages(playTranscript(transcript).model)
      const page = await openPage(`${address}${word}`, options)
      await page.getByText('live', { exact: true }).waitFor()
      await page.getByRole('heading', { name: heading }).waitFor()
      await picture(page, `${view}-${look}`)
      await checkPage(page)
    })
  }
}

test('nobody has come yet: the page says so, and how to begin', async () => {
  const { address } = await servePages(createCrowd(0).model)
  for (const { look, options } of LOOKS) {
    const page = await openPage(`${address}#admin=admin`, options)
    await page.getByText('Nobody has joined yet').waitFor()
    await page.getByText('the first volunteer starts round 1').waitFor()
    await picture(page, `empty-${look}`)
    await checkPage(page)
  }
})

test('the coordinator goes: the page says so, and keeps what it last heard', async () => {
  const { address, close } = await servePages(playTranscript('coordinator-merge.txt').model)
  // It is told on the console, too, that the address does not answer any more.
  const complaints = [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING/]
  const pages = new Map<string, Page>()
  for (const { look, options } of LOOKS) {
    pages.set(look, await openPage(address, options, complaints))
  }
  for (const page of pages.values()) await page.getByText('live', { exact: true }).waitFor()
  await close()
  for (const [look, page] of pages) {
    await page.getByText('The coordinator does not answer').waitFor()
    await page.getByRole('heading', { name: 'Who is here' }).waitFor()
    await picture(page, `gone-${look}`)
    await checkPage(page)
  }
})

/** Nothing that axe complains about, and nothing beyond the edge of the screen. */
async function checkPage(page: Page): Promise<void> {
  expect(await violations(page)).toEqual([])
  const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
  expect(await page.evaluate(isTooWide)).toBe(false)
}
