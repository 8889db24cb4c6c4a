/** Check it yourself: a published run on a plain web server, and a run on its own page. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, onTestFinished, test } from 'vitest'
import { openRun } from '../../node/run/open-run.ts'
import { joinRun, prepareSmallRun } from '../roles/swarm.ts'
import { type PublishedRun, publishSmallRun } from '../run/published-run.ts'
import { openPage, picture, useBrowser, violations } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }
const LOOKS = (['wide', 'phone'] as const).flatMap((size) =>
  (['light', 'dark'] as const).map((colorScheme) => ({
    look: `${size}-${colorScheme}`,
    options: { viewport: SIZES[size], colorScheme },
  })),
)
/** A plain server knows these, and calls all else bytes. */
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
}

async function serve(folder: string): Promise<string> {
  const server = createServer(async ({ url }, response) => {
    const path = url === '/' ? 'index.html' : url!.slice(1)
    const bytes = await readFile(join(folder, path)).catch(() => null)
    if (bytes === null) return response.writeHead(404).end()
    response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream')
    response.end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function checkedPage(address: string, options = {}): Promise<Page> {
  const page = await openPage(address, options)
  await page.getByRole('button', { name: 'Check it yourself' }).click()
  return page
}

async function checkLook(page: Page): Promise<void> {
  expect(await violations(page)).toEqual([])
  const isTooWide = 'document.documentElement.scrollWidth > innerWidth'
  expect(await page.evaluate(isTooWide)).toBe(false)
}

async function flip({ folder, run }: PublishedRun): Promise<void> {
  const { state, blobs } = await openRun(run)
  const path = blobs.path(state.parent!.digest).slice(run.blobs.length)
  const file = join(folder, 'blobs', path)
  const bytes = await readFile(file)
  bytes[bytes.length >> 1]! ^= 1
  await writeFile(file, bytes)
}

test('the page of a published run checks it in a tab that is not isolated', async () => {
  const published = await publishSmallRun()
  const { runId, coordinator, adapter, folder } = published
  const address = await serve(folder)
  for (const { look, options } of LOOKS) {
    const page = await openPage(address, options)
    await page.getByText(coordinator).first().waitFor()
    await picture(page, `published-${look}`)
    await checkLook(page)
    await page.getByRole('button', { name: 'Check it yourself' }).click()
    await page.getByText('It fits: the adapter follows from the run, bit for bit.').waitFor()
    const card = page.getByRole('region', { name: 'Check it yourself' })
    const text = (await card.textContent())!
    for (const part of [adapter, runId, coordinator, '8, all equal']) expect(text).toContain(part)
    expect(text).toMatch(/it took\s*[\d.]+ s/)
    await page.getByText('What was not checked').click()
    await picture(page, `published-checked-${look}`)
    await checkLook(page)
    await page.context().close()
  }

  const others = `${address}#run=${'0'.repeat(64)}&coordinator=${coordinator}`
  const stranger = await checkedPage(others)
  await stranger.getByText(`It does not fit. run-config.bin: it is that of run ${runId}`).waitFor()

  await flip(published)
  const flipped = await checkedPage(address)
  await flipped.getByText('It does not fit. round 2: Cannot use blobs/').waitFor()
  await picture(flipped, 'published-flipped')
  await checkLook(flipped)
})

test("a coordinator's own page checks its run, for whoever may join", async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { round_batches: 4 })
  const hosted = await hostWithPages(run)
  const { link, pageAddresses } = hosted
  await joinRun(run, link, 'ada')
  await hosted.finished
  const page = await checkedPage(`${pageAddresses[0]}#join=${link.split('#')[1]}`)
  await page.getByText('It fits: the adapter follows from the run, bit for bit.').waitFor()
  await page.getByText(hosted.status().base, { exact: true }).waitFor()
  await picture(page, 'coordinator-checked')
  await checkLook(page)
  const outsider = await openPage(pageAddresses[0]!)
  await outsider.getByText('live', { exact: true }).waitFor()
  expect(await outsider.getByRole('button', { name: 'Check it yourself' }).count()).toBe(0)
  await page.close()
  await outsider.close()
  await hosted.stop()
})
