/** Tabs that train: pages of a coordinator, opened in Chromium, beside a volunteer in Node. */
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { type Hosted, hostRun, joinRun, type Overrides, prepareSmallRun } from '../roles/swarm.ts'
import { openPage, picture, useBrowser } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

/** Opens the page that volunteers are sent to, in a browser of its own, and presses the button. */
async function lendTab({ link, pageAddresses }: Hosted, name: string): Promise<Page> {
  const page = await openPage(`${pageAddresses[0]}#join=${link.split('#')[1]}`)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Start training' }).click()
  return page
}

const BATCHES = 48
const SETTINGS: Overrides = { max_steps: BATCHES }
/** Three that train share two cores with their coordinator and a browser. */
const RUN_MS_MAX = 120_000
/** Nobody waits long for a tab that is gone, whatever it had promised. */
const SWARM: Overrides = { rejoin_seconds: 0, grace_seconds: 2 }

async function adapterOf(run: RunFolder, hosted: Hosted): Promise<string> {
  await hosted.finished
  const { base, batchesCounted } = hosted.status()
  await hosted.stop()
  expect(batchesCounted).toBe(BATCHES)
  expect(await verifyRun(run, () => {})).toMatchObject({ verified: true, adapter: base })
  return base
}

test('two tabs, one killed, and a process make the adapter of a process alone', async () => {
  const run = await prepareSmallRun(SETTINGS, SWARM)
  const hosted = await hostWithPages(run)
  const [killed, tab] = await Promise.all([lendTab(hosted, 'killed'), lendTab(hosted, 'tab')])
  await tab.getByText('Training, step').waitFor()
  await killed.getByText('Training, step').waitFor()
  await killed.close()
  await joinRun(run, hosted.link, 'process')
  await tab.getByText('The run is finished').waitFor({ timeout: RUN_MS_MAX })
  const names = hosted.facts.flatMap((fact) => (fact.type === 'committed' ? [fact.name] : []))
  expect([...new Set(names)]).toEqual(expect.arrayContaining(['tab', 'process']))
  await tab.close()
  const together = await adapterOf(run, hosted)

  const alone = await prepareSmallRun(SETTINGS, SWARM)
  const hostedAlone = await hostRun(alone)
  await joinRun(alone, hostedAlone.link, 'process')
  expect(together).toBe(await adapterOf(alone, hostedAlone))
})

test('a pause hands in what is done and leaves, but keeps its place in the browser', async () => {
  const run = await prepareSmallRun({ max_steps: 4096 }, SWARM)
  const hosted = await hostWithPages(run)
  const tab = await lendTab(hosted, 'tab')
  await tab.getByText('Training, step').waitFor()
  await picture(tab, 'tab-training')
  await tab.getByRole('button', { name: 'Pause' }).click()
  await tab.getByText('Paused: you paused it.').waitFor()
  await picture(tab, 'tab-paused')
  const other = await tab.context().newPage()
  await other.goto(tab.url())
  await other.getByRole('button', { name: 'Start training' }).click()
  await other.getByText('Another tab of this browser trains already.').waitFor()
  await other.close()
  const isHere = () => hosted.status().participants.some(({ state }) => state === 'here')
  await expect.poll(isHere).toBe(false)
  await tab.getByRole('button', { name: 'Go on' }).click()
  await expect.poll(isHere).toBe(true)
  await tab.getByText('Training, step').waitFor()
  await tab.getByRole('button', { name: 'Hand in and stop' }).click()
  await tab.getByText('What was finished is handed in.').waitFor()
  await tab.close()
  await hosted.stop()
})
