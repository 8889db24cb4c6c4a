/** A run whose pages come from a relay, as nobody reaches its host: all of it works there. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { withWords } from '../../node/network/link.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { relayWithPages, startRelayWithPages } from '../roles/relay-with-pages.ts'
import { type Hosted, joinRun, prepareSmallRun } from '../roles/swarm.ts'
import { openPage, picture, useBrowser, violations } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

const PATIENT = { timeout: 120_000 }

/** The address that volunteers are sent to: the relay's, with the words of the run. */
function pageOf({ link, pageAddresses }: Hosted, words = `join=${link.split('#')[1]}`): string {
  const [page, ...others] = pageAddresses
  expect(others).toEqual([])
  expect(page).toContain('/#at=12D3KooW')
  return withWords(page!, words)
}

/** What was asked of the relay over HTTP, which is all that it could read. */
function pathsOf(page: Page): Set<string> {
  const paths = new Set<string>()
  page.on('request', (request) => paths.add(new URL(request.url()).pathname))
  return paths
}

test('a tab trains, watches, tries, checks and downloads through a relay', async () => {
  const run = await prepareSmallRun({ max_steps: 16 }, { round_batches: 8 })
  const hosted = await hostWithPages(run, {
    listen: ['/ip4/127.0.0.1/tcp/0'],
    relays: [await relayWithPages()],
  })
  // A relay has no events of its own, which a page of no run learns by asking.
  const tab = await openPage('about:blank', {}, [/status of 404/])
  const paths = pathsOf(tab)
  await tab.goto(pageOf(hosted))
  await tab.getByLabel('Your name').fill('far away')
  await tab.getByLabel('while something else needs the machine').uncheck()
  await tab.getByRole('button', { name: 'Start training' }).click()
  await tab.getByText('The run is finished: thank you').waitFor()
  await hosted.finished
  await tab.getByText('live', { exact: true }).waitFor()
  await tab.getByRole('cell', { name: 'far away' }).first().waitFor()

  const downloading = tab.waitForEvent('download')
  await tab.getByRole('link', { name: 'Download the adapter of round 2' }).click()
  expect((await downloading).suggestedFilename()).toBe('adapter-round-2.zip')

  await tab.getByRole('button', { name: 'Check it yourself' }).click()
  await tab.getByText('It fits: the adapter follows from the run, bit for bit.').waitFor()

  await tab.getByRole('button', { name: 'Try it' }).click()
  await tab.getByLabel('How the text begins').fill('The farmer raised')
  await tab.getByRole('button', { name: 'Ask', exact: true }).click()
  await tab.getByText(/^(All have|Both have) answered/).waitFor()
  await picture(tab, 'relayed')
  expect(await violations(tab)).toEqual([])

  // The browser keeps the words, with the coordinator to whom the relay leads.
  const { origin } = new URL(tab.url())
  await tab.goto(`${origin}/`)
  await tab.getByText('live', { exact: true }).waitFor()
  await tab.getByRole('cell', { name: 'far away' }).first().waitFor()
  const kept = await tab.evaluate<string>('localStorage.getItem("barnraise.run")')
  expect(JSON.parse(kept)).toMatchObject({ name: 'far away', isLending: false })
  const names = await tab.evaluate<string[]>(`navigator.serviceWorker.ready
    .then(() => caches.keys())
    .then(([name]) => caches.open(name))
    .then((cache) => cache.keys())
    .then((all) => all.map(({ url }) => url))`)
  expect(names).toContain(`${origin}/index.html`)
  const isBuilt = (url: string) => /\/(index\.html|[\w-]*-.{8}\.(js|css|wasm|svg))$/.test(url)
  expect(names.filter((url) => !isBuilt(url))).toEqual([])

  const files = [...paths].filter((path) => !/^\/[\w-]*\.(js|css|wasm|svg)$/.test(path))
  expect(files.sort()).toEqual(['/', '/relay'])
  await tab.getByRole('button', { name: 'Forget this run' }).click()
  await tab.getByText('Many runs may be reached from here').waitFor()
  await picture(tab, 'relayed-nowhere')
  expect(await violations(tab)).toEqual([])
  await tab.close()
  await hosted.stop()
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

test('a tab whose relay dies for good goes on by another, and so does its page', async () => {
  const run = await prepareSmallRun({ max_steps: 96 }, { round_batches: 8 })
  const [first, second] = [await startRelayWithPages(), await startRelayWithPages()]
  const relays = [first.addresses[0]!, second.addresses[0]!]
  const hosted = await hostWithPages(run, { listen: ['/ip4/127.0.0.1/tcp/0'], relays })
  const tab = await openPage('about:blank', {}, [
    /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED/,
  ])
  const [page = ''] = hosted.pageAddresses
  await tab.goto(withWords(page, `join=${hosted.link.split('#')[1]}`))
  await tab.getByLabel('while something else needs the machine').uncheck()
  await tab.getByRole('button', { name: 'Start training' }).click()
  await expect.poll(() => hosted.status().batchesCounted, PATIENT).toBeGreaterThan(0)
  await first.stop()
  await tab.getByText('The run is finished: thank you').waitFor()
  // The volunteer has left: it is the page that is here.
  await expect.poll(() => second.status().relayed, PATIENT).toBe(1)
  await tab.getByText('live', { exact: true }).waitFor()
  await hosted.finished
  await tab.close()
  await hosted.stop()
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

test('the organiser decides through a relay, too, and outsiders watch', async () => {
  const run = await prepareSmallRun({ max_steps: 400 })
  const hosted = await hostWithPages(run, {
    listen: ['/ip4/127.0.0.1/tcp/0'],
    relays: [await relayWithPages()],
  })
  const outsider = await openPage(hosted.pageAddresses[0]!)
  await outsider.getByText('live', { exact: true }).waitFor()
  const organiser = await openPage(pageOf(hosted, 'admin=admin'))
  await organiser.getByText(pageOf(hosted), { exact: true }).waitFor()
  const { peer } = await joinRun(run, hosted.link, 'ada')
  organiser.on('dialog', (dialog) => void dialog.accept())
  await organiser.getByRole('button', { name: 'Ban ada' }).click()
  await organiser.getByRole('button', { name: 'Let in ada' }).waitFor()
  const isThere = () => hosted.status().participants.some((one) => one.peer === peer)
  await expect.poll(isThere).toBe(false)
  await outsider.close()
  await organiser.close()
  await hosted.stop()
})
