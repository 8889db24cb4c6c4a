/** `Try it` in a page: base and adapter write, bit for bit, what they write in Node. */
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { exportRun } from '../../node/run/export-run.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { generateSamples, type SampleRequest } from '../../node/text/generate-text.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { openTextSession } from '../../node/text/text-session.ts'
import { type Hosted, joinRun, prepareSmallRun } from '../roles/swarm.ts'
import { openPage, type PageOptions, picture, useBrowser, violations } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

const PROMPT = 'The farmer raised'
const TOKENS = 24
const GREEDY = { temperature: 0, topK: 0, topP: 0.95 }

/** A run of two rounds that is over, and still hosted. */
async function finishedRun(): Promise<{ run: RunFolder; hosted: Hosted }> {
  // A base that knows its language: what an adapter changes is seen in a few words.
  const run = await prepareSmallRun({ base_model: 'embedded', sequence_len: 32, max_steps: 16 })
  const hosted = await hostWithPages(run)
  const volunteer = await joinRun(run, hosted.link, 'process')
  await hosted.finished
  await volunteer.stop()
  return { run, hosted }
}

async function openTry(
  { link, pageAddresses }: Hosted,
  options: PageOptions = {},
  expected: readonly RegExp[] = [],
): Promise<Page> {
  const page = await openPage(`${pageAddresses[0]}#join=${link.split('#')[1]}`, options, expected)
  await page.getByRole('button', { name: 'Try it' }).click()
  await page.getByLabel('How the text begins').waitFor()
  return page
}

/** Asks with the likeliest tokens. */
async function ask(page: Page, prompt: string, tokensMax = TOKENS): Promise<void> {
  await page.getByText('How it is written').click()
  await page.getByLabel('Tokens at most').fill(String(tokensMax))
  await page.getByLabel('Temperature').fill('0')
  await page.getByText('How it is written').click()
  await page.getByLabel('How the text begins').fill(prompt)
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
}

/** What each has written to what was asked last. */
async function answers(page: Page): Promise<Record<string, string>> {
  await page.getByText(/^(All have|Both have|The base has) answered/).waitFor()
  const written = await page.locator('.turn').first().locator('.answer').all()
  const texts = written.map(async (answer) => [
    await answer.locator('h4').textContent(),
    await answer.locator('.text').textContent(),
  ])
  return Object.fromEntries(await Promise.all(texts))
}

async function answersTo(page: Page, prompt: string): Promise<Record<string, string>> {
  await ask(page, prompt)
  return answers(page)
}

test('the rounds that are chosen write side by side what they write in Node', async () => {
  const { run, hosted } = await finishedRun()
  const request = { prompt: PROMPT, tokensMax: TOKENS, sampling: GREEDY, seed: 1 }
  const [sample] = await generateSamples(run, [request])
  const page = await openTry(hosted)
  const { base, adapter } = sample!
  expect(base).not.toBe(adapter)
  expect(await answersTo(page, PROMPT)).toEqual({ base, 'adapter of round 2': adapter })
  await page.getByRole('checkbox', { name: 'adapter of round 1' }).check()
  const older = await textAfterRound(run, 1, request)
  expect(older).not.toBe(adapter)
  const all = { base, 'adapter of round 1': older, 'adapter of round 2': adapter }
  expect(await answersTo(page, PROMPT)).toEqual(all)
  await page.getByRole('checkbox', { name: 'base' }).uncheck()
  const { base: _, ...adapters } = all
  expect(await answersTo(page, PROMPT)).toEqual(adapters)
})

test('Stop ends who writes, and nobody else begins', async () => {
  const { hosted } = await finishedRun()
  const page = await openTry(hosted)
  await ask(page, PROMPT, 1024)
  await page.locator('.text.writing').filter({ hasText: /./ }).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  const { base, 'adapter of round 2': adapter } = await answers(page)
  expect(base).not.toBe('')
  expect(adapter).toBe('')
  expect(Object.keys(await answersTo(page, PROMPT))).toHaveLength(2)
})

test('an adapter that cannot be fetched: the model stays open, and is asked again', async () => {
  const { hosted } = await finishedRun()
  const page = await openTry(hosted, {}, [/ERR_FAILED/])
  await page.context().route('**/try/files/*', (route) => route.abort())
  await ask(page, PROMPT)
  await page.getByRole('alert').getByText('It could not be fetched').waitFor()
  expect(await page.getByLabel('How the text begins').inputValue()).toBe(PROMPT)
  expect(await violations(page)).toEqual([])
  await page.context().unroute('**/try/files/*')
  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  expect(Object.values(await answers(page))).not.toContain('')
  expect(await page.getByRole('alert').count()).toBe(0)
})

/** What Node writes with the adapter of a round, taken out of the run. */
async function textAfterRound(
  run: RunFolder,
  round: number,
  { prompt, ...options }: SampleRequest,
): Promise<string> {
  const out = join(run.root, `after-${round}`)
  await exportRun(run, { format: 'peft', round, out })
  const { adapter } = await openTextModel({ model: 'embedded', adapter: out })
  const session = await openTextSession({ ...(await openTextModel({ run: run.root })), adapter })
  onTestFinished(() => session.close())
  const ids = session.model.tokenizer.encodeWhole(prompt)
  return (await session.write('adapter', ids, options)).text
}

const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

for (const size of ['wide', 'phone'] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${size}, ${colorScheme}: nothing that axe complains about`, async () => {
      const { hosted } = await finishedRun()
      const page = await openTry(hosted, { viewport: SIZES[size], colorScheme })
      await answersTo(page, PROMPT)
      await page.getByRole('checkbox', { name: 'adapter of round 1' }).check()
      for (let turn = 1; turn <= 2; turn++) await answersTo(page, PROMPT)
      const newest = page.locator('.turn').first().locator('.answer')
      const tops = await newest.evaluateAll((all) =>
        all.map((each) => each.getBoundingClientRect().top),
      )
      expect(new Set(tops).size).toBe(size === 'wide' ? 1 : tops.length)
      const names = await page.locator('.answer').evaluateAll((all) => all.map((a) => a.ariaLabel))
      expect(new Set(names).size).toBe(6)
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
