/** The page as an app: it can be installed, opens where nobody answers, and knows its run again. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { playTranscript } from '../history/transcript-events.ts'
import { type Hosted, prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'
import { OTHER_MACHINE, openPage, openProfile, picture, useBrowser, violations } from './browser.ts'
import { type Answers, type Gateway, startGateway } from './gateway.ts'
import { hostWithPages } from './hosted-pages.ts'
import { servePages } from './model-pages.ts'

useBrowser()

const BUILT = join(import.meta.dirname, '../../node/browser/dist')
const MAIN_SCRIPT = readdirSync(BUILT).find((name) => /^index-.{8}\.js$/.test(name))!
const [, VERSION] = /version:"(\w+)"/.exec(readFileSync(join(BUILT, 'service-worker.js'), 'utf8'))!
/** All that is kept: the page, and built files whose names change with what they hold. */
const SHELL = readdirSync(BUILT).filter((name) => name === 'index.html' || /-.{8}\.\w+$/.test(name))
/** Another build, as far as a browser sees. */
const OTHER = new Map([
  [MAIN_SCRIPT, 'index-OTHER000.js'],
  [VERSION!, 'f'.repeat(16)],
])

/** What browsers tell on their console of a server that does not answer. */
const COMPLAINTS = [/Failed to load resource|WebSocket connection|ERR_INCOMPLETE_CHUNKED_ENCODING/]
const CANNOT_BE_REACHED = "The run's host cannot be reached."

/** A run with work for longer than a test takes, behind a gateway. */
async function hostBehindGateway(): Promise<{ hosted: Hosted; gateway: Gateway; word: string }> {
  const leases = { lease_steps_min: 64, lease_steps_max: 64, round_batches: 512 }
  const patience = { rejoin_seconds: 0, grace_seconds: 2 }
  const run = await prepareSmallRun({ max_steps: 4096 }, { ...leases, ...patience })
  const hosted = await hostWithPages(run)
  const gateway = await startGateway(hosted.pageAddresses[0]!)
  return { hosted, gateway, word: `#join=${hosted.link.split('#')[1]}` }
}

async function startTraining(page: Page, name: string): Promise<void> {
  await page.getByLabel('Your name').fill(name)
  await page.getByLabel('while something else needs the machine').uncheck()
  await page.getByRole('button', { name: 'Start training' }).click()
  await page.getByText('Training, step').waitFor()
}

/** The page is one that the browser has kept as a whole, and that answers for it. */
async function untilKept(page: Page): Promise<void> {
  await page.waitForFunction('navigator.serviceWorker.controller?.state === "activated"')
}

/** The names of all that is in the browser's caches for this page. */
async function cached(page: Page): Promise<string[]> {
  const urls = await page.evaluate<string[]>(`(async () => {
    const caches_ = await Promise.all((await caches.keys()).map((name) => caches.open(name)))
    const requests = await Promise.all(caches_.map((cache) => cache.keys()))
    return requests.flat().map(({ url }) => url)
  })()`)
  const { origin } = new URL(page.url())
  return urls.map((url) => url.replace(`${origin}/`, '')).sort()
}

const hasWorker = (page: Page) =>
  page.evaluate('navigator.serviceWorker?.getRegistration().then((found) => found !== undefined)')
const mainScript = (page: Page) => page.locator('script[type=module]').getAttribute('src')

async function openIn(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(address)
  return page
}

for (const [how, answers] of [
  ['a host that nobody reaches', 'not at all'],
  ['a gateway whose host is away', 'that its host is away'],
  ['a network that swallows all', 'nothing'],
] as [string, Answers][]) {
  test(`${how}: the page opens, says so, and goes on with the build that comes`, async () => {
    const { hosted, gateway, word } = await hostBehindGateway()
    const first = await openPage(`${gateway.address}${word}`, {}, COMPLAINTS)
    const context = first.context()
    await first.getByText('live', { exact: true }).waitFor()
    expect(await hasWorker(first)).toBe(false)
    expect(await first.evaluate('localStorage.length')).toBe(0)
    await startTraining(first, 'tab')
    await untilKept(first)
    expect(await cached(first)).toEqual(SHELL.toSorted())
    await first.close()

    await gateway.answer(answers)
    const page = await openIn(context, gateway.address)
    await page.getByText(CANNOT_BE_REACHED).waitFor()
    expect(await page.evaluate('crossOriginIsolated')).toBe(true)
    expect(await mainScript(page)).toContain(MAIN_SCRIPT)
    await page.getByRole('button', { name: 'Forget this run' }).waitFor()
    for (const width of [390, 1280]) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize({ width, height: 844 })
        await page.emulateMedia({ colorScheme })
        await picture(page, `away-${width}-${colorScheme}`)
        expect(await violations(page)).toEqual([])
      }
    }

    gateway.rename(OTHER)
    await gateway.answer('as its host does')
    await page.getByText('live', { exact: true }).waitFor()
    expect(await mainScript(page)).toContain(OTHER.get(MAIN_SCRIPT))
    await page.getByText('This browser has trained here').waitFor()
    await picture(page, 'app-goes-on')
    expect(await page.getByLabel('Your name').inputValue()).toBe('tab')
    await page.getByRole('button', { name: 'Go on training' }).click()
    await page.getByText('Training, step').waitFor()
    const names = SHELL.map((name) => OTHER.get(name) ?? name)
    await expect.poll(() => cached(page)).toEqual(names.sort())

    await page.getByRole('button', { name: 'Hand in and stop' }).click()
    await page.getByText('What was finished is handed in.').waitFor()
    await page.getByRole('button', { name: 'Forget it' }).click()
    await page.getByText('of model and data for the next time').waitFor({ state: 'detached' })
    expect(await cached(page)).toEqual(names)
    await page.getByRole('button', { name: 'Forget this run' }).click()
    await page.getByRole('button', { name: 'Forget this run' }).waitFor({ state: 'detached' })
    await page.getByText('live', { exact: true }).waitFor()
    expect(await page.getByRole('heading', { name: 'Train in this tab' }).count()).toBe(0)
    const secret = word.split('.')[1]!
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain(secret)
    expect(await hasWorker(page)).toBe(false)
    expect(await cached(page)).toEqual([])
    await page.close()
    await hosted.stop()
  })
}

test('the page can be installed, where it is of use', async () => {
  const { hosted, gateway, word } = await hostBehindGateway()
  const context = await openProfile(await temporaryFolder())
  const page = await openIn(context, `${gateway.address}${word}`)
  await page.getByRole('button', { name: 'Start training' }).waitFor()
  expect(await page.getByRole('button', { name: 'Install' }).count()).toBe(0)
  const devtools = await context.newCDPSession(page)
  const { errors, url } = await devtools.send('Page.getAppManifest')
  expect({ errors, url }).toEqual({ errors: [], url: `${gateway.address}app.webmanifest` })
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors')
  expect(installabilityErrors).toEqual([])
  await startTraining(page, 'phone')
  await page.getByRole('button', { name: 'Install' }).waitFor()
  for (const width of [390, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 844 })
      await page.emulateMedia({ colorScheme })
      await picture(page, `app-install-${width}-${colorScheme}`)
      expect(await violations(page)).toEqual([])
    }
  }
  await context.close()
  await hosted.stop()
})

test('the installed page goes on by itself, as it was left, until it is stopped', async () => {
  const { hosted, gateway, word } = await hostBehindGateway()
  const folder = await temporaryFolder()
  const tab = await openProfile(folder)
  const page = await openIn(tab, `${gateway.address}${word}`)
  await page.getByLabel('Cores').fill('1')
  await page.getByLabel('after moving').fill('500')
  await startTraining(page, 'phone')
  await untilKept(page)
  await tab.close()

  const first = await openProfile(folder, gateway.address)
  const [app] = first.pages() as [Page]
  await app.getByText('Training, step').waitFor()
  expect(await app.getByLabel('after moving').inputValue()).toBe('500')
  await app.getByRole('cell', { name: 'phone' }).first().waitFor()
  await app.getByRole('button', { name: 'Pause' }).click()
  await app.getByText('Paused: you paused it.').waitFor()
  await first.close()

  const second = await openProfile(folder, gateway.address)
  const [paused] = second.pages() as [Page]
  await paused.getByText('Paused: you paused it.').waitFor()
  await paused.getByRole('button', { name: 'Hand in and stop' }).click()
  await paused.getByText('What was finished is handed in.').waitFor()
  await second.close()

  const third = await openProfile(folder, gateway.address)
  const [stopped] = third.pages() as [Page]
  await stopped.getByRole('button', { name: 'Start training' }).waitFor()
  expect(await stopped.getByLabel('Cores').inputValue()).toBe('1')
  await third.close()
  await hosted.stop()
})

test('a page that shows its run stays where another build comes, and says so', async () => {
  const { hosted, gateway, word } = await hostBehindGateway()
  const page = await openPage(`${gateway.address}${word}`, {}, COMPLAINTS)
  await startTraining(page, 'tab')
  await untilKept(page)
  gateway.rename(OTHER)
  await gateway.answer('not at all')
  await page.getByText('The coordinator does not answer').waitFor()
  await gateway.answer('as its host does')
  await page.getByText('another version of this page').waitFor()
  expect(await mainScript(page)).toContain(MAIN_SCRIPT)
  await page.getByText('Training, step').waitFor()
  await picture(page, 'app-outdated')
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Load it' }).click()
  await page.getByRole('button', { name: 'Go on training' }).waitFor()
  expect(await mainScript(page)).toContain(OTHER.get(MAIN_SCRIPT))
  await page.close()
  await hosted.stop()
})

test('another run at the address of the one that is kept: the page says so', async () => {
  const { address } = await servePages(playTranscript('coordinator-straggler.txt').model)
  const run = {
    words: 'join=0123456789abcdef.secret',
    isLending: true,
    name: 'phone',
    threads: 1,
    memoryMegabytes: 512,
    isPaused: false,
    pauseHidden: false,
    pauseOnBattery: true,
    othersShareMax: null,
    bytesMax: null,
  }
  const lacks = `localStorage.setItem('barnraise.run', ${JSON.stringify(JSON.stringify(run))})`
  const page = await openPage(address, { lacks })
  await page.getByText('This is another run than the one').waitFor()
  await page.getByRole('button', { name: 'Forget this run' }).waitFor()
  expect(await page.getByRole('heading', { name: 'Train in this tab' }).count()).toBe(0)
  await picture(page, 'app-other-run')
  expect(await violations(page)).toEqual([])
})

test('plain http of another machine keeps nothing, and offers nothing', async () => {
  const { hosted, gateway, word } = await hostBehindGateway()
  const address = gateway.address.replace('127.0.0.1', OTHER_MACHINE)
  // What isolates a page is not heard where anybody in between may have said it.
  const page = await openPage(`${address}${word}`, {}, [/Cross-Origin-Opener-Policy/])
  await startTraining(page, 'tab')
  expect(await page.evaluate('"serviceWorker" in navigator')).toBe(false)
  expect(await page.evaluate('localStorage.getItem("barnraise.run")')).toBe(null)
  for (const name of ['Install', 'Forget this run']) {
    expect(await page.getByRole('button', { name }).count()).toBe(0)
  }
  await page.close()
  await hosted.stop()
})
