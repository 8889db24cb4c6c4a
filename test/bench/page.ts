/**
 * How smoothly the page of a large run scrolls while it goes on: `npm run bench:page`. 1,000
 * volunteers, 10,000 leases at first; each frame scrolls the page and its list of volunteers, and
 * once a second all of them hand in and are merged, which is far more than a real run does.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { chromium, type Page } from 'playwright-core'
import { createPages } from '../../node/dashboard/server.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { chromiumPath } from '../chromium/chromium.ts'
import { type Crowd, createCrowd } from '../dashboard/crowd.ts'

const VOLUNTEERS = 1_000
const ROUNDS = 10
const SCROLL_MS = 8_000
const WORK_EVERY_MS = 1_000
const VIEWPORTS = { wide: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } }

/** Scrolls up and down for so long; resolves to the lengths of frames and the sum of shifts. */
const SCROLL = `new Promise((resolve) => {
  const [frames, began] = [[], performance.now()]
  let [last, shift] = [began, 0]
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) shift += value
  }).observe({ type: 'layout-shift' })
  const people = document.querySelector('.scroll.people')
  requestAnimationFrame(function frame(now) {
    frames.push(now - last)
    last = now
    if (now - began > ${SCROLL_MS}) return resolve({ frames: frames.slice(1), shift })
    const swing = (1 - Math.cos((now - began) / 1000)) / 2
    scrollTo(0, swing * (document.documentElement.scrollHeight - innerHeight))
    people.scrollTop = swing * (people.scrollHeight - people.clientHeight)
    requestAnimationFrame(frame)
  })
})`

async function serve({ model }: Crowd): Promise<{ address: string; stop(): void }> {
  const invitation = {
    run: model.run.runId,
    coordinator: '12D3KooW',
    kind: 'link',
    link: null,
  } as const
  const order = async () => ({ accepted: false, said: [] })
  const doors = { invitation, isInvited: async () => false, order, admin: 'admin' }
  const pages = createPages({ model, ...doors, folder: runFolder('none') })
  const server = createServer(pages.answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    pages.close()
    server.closeAllConnections()
    server.close()
  }
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop }
}

/** All volunteers hand in, again and again, and each time it is merged. */
async function goOn(crowd: Crowd, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    crowd.work()
    crowd.merge()
    await delay(WORK_EVERY_MS, null, { signal }).catch(() => {})
  }
}

async function measure(page: Page): Promise<string> {
  const scrolled = (await page.evaluate(SCROLL)) as { frames: number[]; shift: number }
  const session = await page.context().newCDPSession(page)
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  const slowestFirst = scrolled.frames.sort((a, b) => b - a)
  const perSecond = (share: number) =>
    (1000 / slowestFirst[Math.floor(share * slowestFirst.length)]!).toFixed(1)
  const frames = `${perSecond(0.5)} frames/s p50, ${perSecond(0.05)} p5`
  return `${frames}, heap ${(usedSize / 1e6).toFixed(0)} MB, layout shift ${scrolled.shift}`
}

const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
for (const [size, viewport] of Object.entries(VIEWPORTS)) {
  const crowd = createCrowd(VOLUNTEERS)
  for (let round = 0; round < ROUNDS; round++) {
    crowd.work()
    crowd.merge()
  }
  const { address, stop } = await serve(crowd)
  const page = await browser.newPage({ viewport })
  await page.goto(address)
  await page.getByRole('cell', { name: 'volunteer 1', exact: true }).waitFor()
  const ending = new AbortController()
  const goingOn = goOn(crowd, ending.signal)
  console.log(`${size}: ${await measure(page)}`)
  ending.abort()
  await goingOn
  await page.close()
  stop()
}
await browser.close()
