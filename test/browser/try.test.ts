/** `Try it` in a page: base and adapter write, bit for bit, what they write in Node. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { generateSamples } from '../../node/run/generate-text.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { type Hosted, joinRun, prepareSmallRun } from '../roles/swarm.ts'
import { openPage, type PageOptions, picture, useBrowser, violations } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

const PROMPT = 'The farmer raised'
const TOKENS = 24
const GREEDY = { temperature: 0, topK: 0, topP: 0.95 }

/** A run of two rounds that is over, and still hosted. */
async function finishedRun(): Promise<{ run: RunFolder; hosted: Hosted }> {
  const run = await prepareSmallRun({ max_steps: 16 })
  const hosted = await hostWithPages(run)
  const volunteer = await joinRun(run, hosted.link, 'process')
  await hosted.finished
  await volunteer.stop()
  return { run, hosted }
}

async function openTry({ link, pageAddresses }: Hosted, options: PageOptions = {}): Promise<Page> {
  const page = await openPage(`${pageAddresses[0]}#join=${link.split('#')[1]}`, options)
  await page.getByRole('button', { name: 'Try it' }).click()
  await page.getByLabel('How the text begins').waitFor()
  return page
}

/** Asks with the likeliest tokens, and returns what each wrote. */
async function answersTo(page: Page, prompt: string): Promise<Record<string, string>> {
  await page.getByText('How it is written').click()
  await page.getByLabel('Tokens at most').fill(String(TOKENS))
  await page.getByLabel('Temperature').fill('0')
  await page.getByText('How it is written').click()
  await page.getByLabel('How the text begins').fill(prompt)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await page.getByText(/^(Both have|The base has) answered/).waitFor()
  const answers = await page.locator('.turn').first().locator('.answer').all()
  const texts = answers.map(async (answer) => [
    await answer.getAttribute('aria-label'),
    await answer.locator('.text').textContent(),
  ])
  return Object.fromEntries(await Promise.all(texts))
}

test('both write what they write in Node, with this adapter and with an older one', async () => {
  const { run, hosted } = await finishedRun()
  const request = { prompt: PROMPT, tokensMax: TOKENS, sampling: GREEDY, seed: 1 }
  const [sample] = await generateSamples(run, [request])
  const page = await openTry(hosted)
  const { base, adapter } = sample!
  expect(base).not.toBe(adapter)
  expect(await answersTo(page, PROMPT)).toEqual({ base, 'adapter of round 2': adapter })
  await page.getByRole('combobox', { name: 'Adapter' }).selectOption('1')
  const older = await answersTo(page, PROMPT)
  expect(older.base).toBe(base)
  expect(Object.keys(older)).toEqual(['base', 'adapter of round 1'])
})

const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

for (const size of ['wide', 'phone'] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${size}, ${colorScheme}: nothing that axe complains about`, async () => {
      const { hosted } = await finishedRun()
      const page = await openTry(hosted, { viewport: SIZES[size], colorScheme })
      await answersTo(page, PROMPT)
      await picture(page, `try-${size}-${colorScheme}`)
      expect(await violations(page)).toEqual([])
      const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
      expect(await page.evaluate(isTooWide)).toBe(false)
    })
  }
}

test('before a round is merged the base answers alone, and is told why', async () => {
  const hosted = await hostWithPages(await prepareSmallRun())
  const page = await openTry(hosted)
  await page.getByText('There is no adapter yet').waitFor()
  expect(Object.keys(await answersTo(page, PROMPT))).toEqual(['base'])
  await picture(page, 'try-no-adapter')
  expect(await violations(page)).toEqual([])
})
