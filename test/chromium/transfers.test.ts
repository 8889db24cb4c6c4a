/** A base model of 45 MB comes to a tab over a slow link, and over one that breaks. */
import { expect, test } from 'vitest'
import { verifyRun } from '../../node/run/verify-run.ts'
import { writeLargeModel } from '../model/large-model.ts'
import { chaosProxy, type Faults } from '../network/chaos-proxy.ts'
import { prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'
import { openPage, useBrowser } from './browser.ts'
import { hostWithPages } from './hosted-pages.ts'

useBrowser()

/** Speed of the link: 5 MB/s. */
const SLOW: Partial<Faults> = { bytesPerSecond: 5e6 }

for (const [what, faults, cuts, complaints] of [
  ['at 5 MB/s', SLOW, 0, []],
  // Chromium itself writes to the console that a WebSocket broke.
  ['broken off twice', { ...SLOW, resetAfterBytesDown: 20e6 }, 2, [/WebSocket/]],
] as [string, Partial<Faults>, number, RegExp[]][]) {
  test(`a tab trains on a base of over 40 MB, ${what}`, async () => {
    const base = await temporaryFolder()
    const baseBytes = await writeLargeModel(base)
    expect(baseBytes).toBeGreaterThan(40e6)
    const run = await prepareSmallRun({ base_model: base, lora_r: 128, max_steps: 8 })
    const hosted = await hostWithPages(run)
    const { port } = new URL(hosted.pageAddresses[0]!)
    const proxy = await chaosProxy([`/ip4/127.0.0.1/tcp/${port}/ws`], faults)
    const near = `http://127.0.0.1:${proxy.addresses[0]!.split('/')[4]}/`
    const tab = await openPage(`${near}#join=${hosted.link.split('#')[1]}`, {}, complaints)
    await tab.getByLabel('while something else needs the machine').uncheck()
    await tab.getByRole('button', { name: 'Start training' }).click()
    await tab.getByText('The run is finished').waitFor()
    await tab.close()
    await hosted.finished
    await hosted.stop()
    const { base: adapter } = hosted.status()
    expect(await verifyRun(run)).toMatchObject({ ok: true, adapterSha256: adapter })
    expect(proxy.cuts).toBe(cuts)
    // What had come before a break was not fetched again.
    expect(proxy.bytesDown).toBeGreaterThan(baseBytes)
    expect(proxy.bytesDown).toBeLessThan(1.25 * baseBytes)
  })
}
