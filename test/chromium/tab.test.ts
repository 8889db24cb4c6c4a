/** Tabs that train: pages of a coordinator, opened in Chromium, beside a volunteer in Node. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { checkReceipt } from '../../node/cli/verify-receipt.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { type Hosted, hostRun, joinRun, type Overrides, prepareSmallRun } from '../roles/swarm.ts'
import { openPage, picture, useBrowser, violations } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

/** Opens the page that volunteers are sent to, in a browser of its own, and presses the button. */
async function lendTab({ link, pageAddresses }: Hosted, name: string): Promise<Page> {
  const page = await openPage(`${pageAddresses[0]}#join=${link.split('#')[1]}`)
  await page.getByLabel('Your name').fill(name)
  // What else runs on the tests' machine is not the tab's concern.
  await page.getByLabel('while something else needs the machine').uncheck()
  await page.getByRole('button', { name: 'Start training' }).click()
  return page
}

/** So many that a tab has work left when it is asked to pause, however fast it is. */
const BATCHES = 128
const SETTINGS: Overrides = { max_steps: BATCHES }
/** Nobody waits long for a tab that is gone, whatever it had promised. */
const SWARM: Overrides = { rejoin_seconds: 0, grace_seconds: 2 }
/** Leases that a pause cannot cut: the adapter depends on where leases end. */
const ONE_STEP: Overrides = { round_batches: 16, lease_steps_min: 1, lease_steps_max: 1 }

/** What was lent to somebody, or what came back of it. */
function leasesOf({ facts }: Hosted, name: string, type: 'leased' | 'committed') {
  return facts.flatMap((fact) => (fact.type === type && fact.name === name ? [fact.steps] : []))
}

async function adapterOf(run: RunFolder, hosted: Hosted): Promise<string> {
  await hosted.finished
  const { base, batchesCounted } = hosted.status()
  await hosted.stop()
  expect(batchesCounted).toBe(BATCHES)
  expect(await verifyRun(run)).toMatchObject({ ok: true, adapterSha256: base })
  return base
}

test('two tabs, one killed, and a process make the adapter of a process alone', async () => {
  const swarm = { ...SWARM, ...ONE_STEP }
  const run = await prepareSmallRun(SETTINGS, swarm)
  const hosted = await hostWithPages(run)
  const [killed, tab] = await Promise.all([lendTab(hosted, 'killed'), lendTab(hosted, 'tab')])
  await tab.getByText('Training, step').waitFor()
  await killed.getByText('Training, step').waitFor()
  await killed.close()
  await expect.poll(() => leasesOf(hosted, 'tab', 'committed').length).toBeGreaterThan(0)
  // The tab lets the process begin, or it might leave nothing to do.
  await tab.getByRole('button', { name: 'Pause' }).click()
  await tab.getByText('Paused: you paused it.').waitFor()
  await joinRun(run, hosted.link, 'process')
  await expect.poll(() => leasesOf(hosted, 'process', 'committed').length).toBeGreaterThan(0)
  await tab.getByRole('button', { name: 'Go on' }).click()
  await tab.getByText('The run is finished: thank you').waitFor()
  await tab.close()
  const together = await adapterOf(run, hosted)

  const alone = await prepareSmallRun(SETTINGS, swarm)
  const hostedAlone = await hostRun(alone)
  await joinRun(alone, hostedAlone.link, 'process')
  expect(together).toBe(await adapterOf(alone, hostedAlone))
})

test('a pause hands in what is done and leaves, but keeps its place in the browser', async () => {
  const leases = { lease_steps_min: 64, lease_steps_max: 64, round_batches: 512 }
  const run = await prepareSmallRun({ max_steps: 4096 }, { ...SWARM, ...leases })
  const hosted = await hostWithPages(run)
  const tab = await lendTab(hosted, 'tab')
  await tab.getByText('Training, step').waitFor()
  await picture(tab, 'tab-training')
  await tab.getByRole('button', { name: 'Pause' }).click()
  await tab.getByText('Paused: you paused it.').waitFor()
  await picture(tab, 'tab-paused')
  const other = await tab.context().newPage()
  await other.goto(tab.url())
  await other.getByRole('button', { name: 'Go on training' }).click()
  await other.getByText('Another tab of this browser trains already.').waitFor()
  await other.close()
  const isHere = () => hosted.status().participants.some(({ state }) => state === 'here')
  await expect.poll(isHere).toBe(false)
  await tab.getByRole('button', { name: 'Go on' }).click()
  await expect.poll(isHere).toBe(true)
  await tab.getByText('Training, step').waitFor()
  await tab.getByRole('button', { name: 'Hand in and stop' }).click()
  await tab.getByText('What was finished is handed in.').waitFor()
  await tab.getByRole('button', { name: 'Train again' }).click()
  await tab.getByText('Training, step').waitFor()
  await tab.getByRole('button', { name: 'Finish this lease, then stop' }).click()
  await tab.getByText('What was finished is handed in.').waitFor()
  const [lent, came] = [leasesOf(hosted, 'tab', 'leased'), leasesOf(hosted, 'tab', 'committed')]
  expect(came).toHaveLength(lent.length)
  expect(came.at(-1)).toBe(lent.at(-1))
  await tab.close()
  await hosted.stop()
})

test('what counts of a tab is told, and signed for, also to who opens the page again', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { ...SWARM, round_batches: 4 })
  const hosted = await hostWithPages(run)
  const tab = await lendTab(hosted, 'tab')
  await tab.getByText('The run is finished: thank you').waitFor()
  await hosted.finished
  const counted = hosted.facts.flatMap((fact) => (fact.type === 'counted' ? [fact] : []))
  const tokens = counted.reduce((sum, fact) => sum + fact.tokens, 0)
  const credit = { tokens, batches: 8, contributions: counted.length }
  const [{ peer } = { peer: '' }] = counted
  await tab.reload()
  await tab.getByRole('heading', { name: 'What you gave' }).waitFor()
  await tab.getByText('tokens in 8 batches counted').waitFor()
  const downloading = tab.waitForEvent('download')
  await tab.getByRole('button', { name: 'Get the receipt' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toBe(`${peer}.receipt`)
  const text = await readFile((await download.path())!, 'utf8')
  const { runId, coordinator } = hosted
  expect(await checkReceipt(text, { run: runId, coordinator })).toMatchObject({
    fault: null,
    receipt: { peer, name: 'tab', rounds: 2, ...credit },
  })
  await tab.getByRole('img', { name: 'The receipt' }).waitFor()
  expect(await tab.locator('.credit .command').textContent()).toBe(text.trimEnd())
  expect(await violations(tab)).toEqual([])
  for (const colorScheme of ['light', 'dark'] as const) {
    await tab.emulateMedia({ colorScheme })
    await picture(tab, `tab-receipt-${colorScheme}`)
  }
  await tab.close()
  await hosted.stop()
})

test('a thread that cannot start says so on the page', async () => {
  const hosted = await hostWithPages(await prepareSmallRun(SETTINGS, SWARM))
  const word = `#join=${hosted.link.split('#')[1]}`
  const options = { unreachable: '**/kernels*.wasm' }
  const tab = await openPage(`${hosted.pageAddresses[0]}${word}`, options, [
    /Failed to load resource/,
  ])
  await tab.getByRole('button', { name: 'Start training' }).click()
  await tab.getByText(/The compute thread died: .*fetch/).waitFor()
  await tab.close()
  await hosted.stop()
})
