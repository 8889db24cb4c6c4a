/** The system's Chromium, headless, one for all tests of a file. */
import { join } from 'node:path'
import axe from 'axe-core'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Route,
} from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { chromiumPath } from './chromium.ts'

const PICTURES = join(import.meta.dirname, 'screenshots')

/** A page waits no longer than this; a busy machine may need much of it. */
const WAIT_MS_MAX = 120_000

/** A name that leads here, and that browsers take for another machine's. */
export const OTHER_MACHINE = 'barn.example'
const ARGUMENTS = ['--no-sandbox', `--host-resolver-rules=MAP ${OTHER_MACHINE} 127.0.0.1`]

let browser: Browser

export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: ARGUMENTS })
  })
  afterAll(() => browser.close())
}

/**
 * A browser of its own, which keeps what it keeps in a folder, as those of people do.
 * @param app the address that it opens in a window of its own, as an installed page is opened
 */
export async function openProfile(
  folder: string,
  app: string | null = null,
): Promise<BrowserContext> {
  const args = app === null ? ARGUMENTS : [...ARGUMENTS, `--app=${app}`]
  const options = { executablePath: chromiumPath(), args }
  const context = await chromium.launchPersistentContext(folder, options)
  context.setDefaultTimeout(WAIT_MS_MAX)
  onTestFinished(() => context.close())
  return context
}

export interface PageOptions extends Pick<BrowserContextOptions, 'viewport' | 'colorScheme'> {
  /** A script that runs before those of the page: what its browser is to lack. */
  lacks?: string
  /** Addresses that cannot be fetched, also by workers. */
  unreachable?: string
  /** What others would answer, elsewhere on the web. */
  elsewhere?: { addresses: string; answer(route: Route): Promise<void> }
}

/** A page of its own; what it complains about on its console fails the test, unless expected. */
export async function openPage(
  url: string,
  { lacks, unreachable, elsewhere, ...options }: PageOptions = {},
  expected: readonly RegExp[] = [],
): Promise<Page> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(WAIT_MS_MAX)
  if (lacks !== undefined) await context.addInitScript(lacks)
  if (unreachable !== undefined) await context.route(unreachable, (route) => route.abort())
  if (elsewhere !== undefined) await context.route(elsewhere.addresses, elsewhere.answer)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  onTestFinished(async () => {
    await context.close()
    const isExpected = (text: string) => expected.some((pattern) => pattern.test(text))
    expect(complaints.filter((text) => !isExpected(text))).toEqual([])
  })
  await page.goto(url)
  return page
}

/** Not kept: made anew by each run of the tests, to be looked at. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
}

/** What axe finds, by rule and place. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = (await page.evaluate('axe.run()')) as axe.AxeResults
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
