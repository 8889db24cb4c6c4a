/** Tabs of Firefox and of WebKit that train, and the same run by a volunteer in Node. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { OTHER_MACHINE } from '../chromium/browser.ts'
import { hostWithPages } from '../chromium/hosted-pages.ts'
import { type Hosted, joinRun, prepareSmallRun } from '../roles/swarm.ts'
import { BROWSERS } from './browsers.ts'
import { FIREFOX } from './firefox.ts'
import { openTab } from './open-tab.ts'

const PICTURES = join(import.meta.dirname, 'screenshots')
const STEPS = 16
/** What WebKitGTK's browser has above its page keeps its window a little wider. */
const PHONE = { width: 390, height: 844 }

const joinAddress = ({ link, pageAddresses }: Hosted) =>
  `${pageAddresses[0]}#join=${link.split('#')[1]}`

/** The adapter of a run of which Node trains each step again, and comes to the same bits. */
async function adapterBy(
  train: (hosted: Hosted, run: RunFolder) => Promise<unknown>,
): Promise<string> {
  const run = await prepareSmallRun({ max_steps: STEPS })
  const hosted = await hostWithPages(run)
  await train(hosted, run)
  await hosted.finished
  const { base, batchesCounted } = hosted.status()
  await hosted.stop()
  expect(batchesCounted).toBe(STEPS)
  const replay = { type: 'share', share: 1, seed: 1 } as const
  expect(await verifyRun(run, { replay })).toMatchObject({
    ok: true,
    replayedSteps: STEPS,
    adapterSha256: base,
  })
  return base
}

/** Runs in the page: in how many lines it shows a name that has room for one. */
function linesOfName(): number {
  const text = document.createRange()
  text.selectNodeContents(document.querySelector('.lend .who .name')!)
  return text.getClientRects().length
}

/** Pages come from this machine, or over plain http from another. */
const ORIGINS = [
  ...BROWSERS.map((row) => ({ ...row, machine: '127.0.0.1' })),
  { browser: FIREFOX, sharesMemory: false, keepsFiles: false, machine: OTHER_MACHINE },
]

for (const { browser, sharesMemory, keepsFiles, machine } of ORIGINS) {
  test(`${browser.name} trains a run of ${machine} to its end, with the bits of Node`, async () => {
    const byTab = await adapterBy(async (hosted) => {
      const tab = await openTab(browser, joinAddress(hosted).replace('127.0.0.1', machine))
      await tab.shows('First it fetches the base model')
      await tab.fill('Your name', browser.name)
      await tab.fill('Cores', '2')
      // What else runs on the tests' machine is not the tab's concern.
      await tab.uncheck('while something else needs the machine')
      await tab.press('Start training')
      await tab.shows(`The run is finished: thank you. This tab trained ${STEPS} steps.`)
      await tab.shows(`512 tokens in ${STEPS} batches counted.`)
      const text = await tab.text()
      expect(text).not.toContain('on battery')
      expect(text.includes('lends one core only')).toBe(!sharesMemory)
      expect(text.includes('This browser keeps no files here')).toBe(!keepsFiles)
    })
    const byNode = await adapterBy((hosted, run) => joinRun(run, hosted.link, 'process'))
    expect(byTab).toBe(byNode)
  })
}

for (const { browser } of BROWSERS) {
  test(`${browser.name} as narrow as a phone: all is seen, and handed in when asked`, async () => {
    const leases = { lease_steps_min: 64, lease_steps_max: 64, round_batches: 512 }
    const hosted = await hostWithPages(await prepareSmallRun({ max_steps: 4096 }, leases))
    const tab = await openTab(browser, joinAddress(hosted), PHONE)
    await tab.shows('First it fetches the base model')
    await tab.uncheck('while something else needs the machine')
    await tab.press('Start training')
    await tab.shows('Training, step')
    const isTooWide = () => document.documentElement.scrollWidth > innerWidth
    expect(await tab.evaluate(isTooWide, null)).toBe(false)
    expect(await tab.evaluate(linesOfName, null)).toBe(1)
    await mkdir(PICTURES, { recursive: true })
    await writeFile(join(PICTURES, `${browser.name}.png`), await tab.screenshot())
    await tab.press('Hand in and stop')
    await tab.shows('What was finished is handed in.')
    const committed = hosted.facts.filter(({ type }) => type === 'committed')
    expect(committed.length).toBeGreaterThan(0)
  })
}
