/** The pages as people see them: every view, wide and narrow, light and dark, and read aloud. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { createCrowd } from '../dashboard/crowd.ts'
import { playTranscript } from '../history/transcript-events.ts'
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

test('the code of a volunteer is read while its user still looks at the button', async () => {
  const { address } = await servePages(playTranscript('coordinator-straggler.txt').model)
  const page = await openPage(`${address}#join=0123456789abcdef`)
  await page.getByRole('button', { name: 'Start training' }).waitFor()
  const workers = () => page.workers().map((worker) => worker.url())
  await expect.poll(workers).toContainEqual(expect.stringContaining('volunteer-worker'))
})

test('the battery is spoken of only where the browser tells of it', async () => {
  const { address } = await servePages(playTranscript('coordinator-straggler.txt').model)
  const page = await openPage(`${address}#join=0123456789abcdef`)
  const battery = page.getByText('on battery')
  await battery.waitFor()
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'getBattery'))
  await page.reload()
  await page.getByLabel('while this tab is hidden').waitFor()
  expect(await battery.count()).toBe(0)
})

test('beside the switch of a hidden tab stands what was measured of one', async () => {
  const { address } = await servePages(playTranscript('coordinator-straggler.txt').model)
  const page = await openPage(`${address}#join=0123456789abcdef`)
  await page.getByText('A hidden tab goes on').waitFor()
  const [range] = /\d\.\d+ to \d\.\d+ of the steps/.exec(readFileSync('docs/hosting.md', 'utf8'))!
  expect(await page.locator('fieldset.switches').textContent()).toContain(range)
})

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

for (const [transcript, button, answer] of [
  ['coordinator-merge.txt', 'Ban ann', 'it is kicked'],
  ['coordinator-kick.txt', 'Let in ann', 'it is unbanned'],
] as const) {
  test(`${button}: the organiser decides, and nobody else is offered to`, async () => {
    const { address } = await servePages(playTranscript(transcript).model)
    const guest = await openPage(`${address}#join=0123456789abcdef`)
    await guest.getByRole('heading', { name: 'Who is here' }).waitFor()
    expect(await guest.getByRole('button', { name: button }).count()).toBe(0)
    const page = await openPage(`${address}#admin=admin`)
    page.on('dialog', (dialog) => void dialog.accept())
    await page.getByRole('button', { name: button }).click()
    await page.getByText(answer).waitFor()
    await picture(page, button.replaceAll(' ', '-'))
    await checkPage(page)
  })
}

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

for (const [what, word, lacks, expected] of [
  ['without SIMD', '#join=x', 'WebAssembly.validate = () => false', 'has no WebAssembly SIMD'],
  ['without WebAssembly', '#join=x', 'delete globalThis.WebAssembly', 'has no WebAssembly,'],
  [
    'whose threads share nothing',
    '#join=x',
    'delete globalThis.SharedArrayBuffer',
    'lends one core only',
  ],
  [
    'that knows no language',
    '#join=x',
    `Object.defineProperty(navigator, 'language', { value: 'c', configurable: true })
    Intl.Collator = () => { throw RangeError() }`,
    'Train in this tab',
  ],
  ['with a word of an earlier start', '#admin=old', '', "is not the organiser's"],
] as const) {
  test(`a browser ${what} says so, and shows the run`, async () => {
    const { address } = await servePages(playTranscript('coordinator-straggler.txt').model)
    const page = await openPage(`${address}${word}`, { lacks })
    await page.getByText(expected).first().waitFor()
    await page.getByRole('heading', { name: 'Who is here' }).waitFor()
    const canStart = expected.startsWith('lends') || expected.startsWith('Train')
    expect(await page.getByRole('button', { name: 'Start training' }).count()).toBe(
      Number(canStart),
    )
    if (expected.startsWith('lends')) {
      expect(await page.getByLabel('Cores').getAttribute('max')).toBe('1')
    }
    await checkPage(page)
  })
}

test('the download is told before anything is fetched', async () => {
  const { address } = await servePages(playTranscript('coordinator-straggler.txt').model)
  const page = await openPage(`${address}#join=x`)
  await page.getByText(/First it fetches the base model, [\d.]+ [kMG]?B, once/).waitFor()
})

test('a run that overfits is said to, with the round to keep', async () => {
  const { model, work, merge } = createCrowd(3)
  for (const loss of [2, 0.6, 1.1]) {
    work()
    merge(loss)
  }
  const { address } = await servePages(model)
  const page = await openPage(address)
  await page.getByText('It is overfitting').waitFor()
  await page.getByText('Keep the adapter of round 2').waitFor()
  await page.getByText('download (best)').waitFor()
  await checkPage(page)
})

test('volunteers with one name have a colour and the end of their id each', async () => {
  const { address } = await servePages(createCrowd(3, (index) => (index < 2 ? 'ada' : 'bob')).model)
  const looks: string[][] = []
  for (const { look, options } of LOOKS) {
    const page = await openPage(address, options)
    for (const name of ['ada peer-0', 'ada peer-1', 'bob']) {
      await page.getByRole('cell', { name, exact: true }).waitFor()
    }
    const dots = page.locator('.people .dot')
    const colors = await dots.evaluateAll((all) =>
      all.map((dot) => getComputedStyle(dot).backgroundColor),
    )
    expect(new Set(colors).size, colors.join()).toBe(3)
    looks.push(colors)
    await picture(page, `namesakes-${look}`)
    await checkPage(page)
  }
  const [wideLight, wideDark, phoneLight, phoneDark] = looks
  expect([phoneLight, phoneDark]).toEqual([wideLight, wideDark])
  expect(wideLight).not.toEqual(wideDark)
})

/** Nothing that axe complains about, and nothing beyond the edge of the screen. */
async function checkPage(page: Page): Promise<void> {
  expect(await violations(page)).toEqual([])
  const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
  expect(await page.evaluate(isTooWide)).toBe(false)
}
