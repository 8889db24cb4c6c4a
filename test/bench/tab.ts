/**
 * `npm run bench:tab`: how fast a tab of headless Chromium trains, against a Node whose V8 is as it
 * comes: the same trainer, the embedded base, one thread each, in turn.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Command } from 'commander'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { KERNELS } from '../../node/compute/start-kernels.ts'
import { chromiumPath } from '../chromium/chromium.ts'
import { median } from './contest.ts'
import { type MeasureRate, openTraining } from './training-rate.ts'

const WEIGHTS = new URL('../../node/model/embedded/model.safetensors', import.meta.url)
/** V8 has compiled the kernels for good by then. */
const WARM_UP_MS = 3_000

const options = new Command('bench:tab')
  .description('Measures how fast a tab trains, against Node.')
  .option('--rounds <count>', 'turns of each', '9')
  .option('--seconds <n>', 'of a turn', '2')
  .parse()
  .opts<{ rounds: string; seconds: string }>()
const [rounds, ms] = [Number(options.rounds), 1000 * Number(options.seconds)]

const kernels = new Uint8Array(await readFile(KERNELS))
const weights = await readFile(WEIGHTS)
const node: MeasureRate = openTraining(kernels, weights, () => performance.now())
const tab = await openTab()
node(WARM_UP_MS)
await tab.measure(WARM_UP_MS)
const rates: { node: number; tab: number }[] = []
for (let round = 0; round < rounds; round++) {
  rates.push({ node: node(ms), tab: await tab.measure(ms) })
}
await tab.close()
const ratios = rates.map((rate) => rate.tab / rate.node)
console.log(
  JSON.stringify({
    node: Math.round(median(rates.map((rate) => rate.node))),
    tab: Math.round(median(rates.map((rate) => rate.tab))),
    ratio: median(ratios),
    ratios: [Math.min(...ratios), Math.max(...ratios)],
  }),
)

async function openTab() {
  const bundled = await build({
    entryPoints: [join(import.meta.dirname, 'tab-worker.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2024',
    write: false,
  })
  const resources = new Map<string, [type: string, body: Uint8Array | string]>([
    ['/', ['text/html', '<!doctype html><title>Rate</title><link rel="icon" href="data:,">']],
    ['/worker.js', ['text/javascript', bundled.outputFiles[0]!.contents]],
    ['/kernels.wasm', ['application/wasm', kernels]],
    ['/weights', ['application/octet-stream', weights]],
  ])
  const server = createServer((request, response) => {
    const [type, body] = resources.get(request.url ?? '') ?? ['text/plain', '']
    response.setHeader('Content-Type', type)
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox'],
  })
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const worker = await page.evaluateHandle(
    () =>
      new Promise<Worker>((resolve, reject) => {
        const started = new Worker('/worker.js', { type: 'module' })
        started.onmessage = () => resolve(started)
        started.onerror = ({ message }) => reject(new Error(message))
      }),
  )
  return {
    measure: (turnMs: number): Promise<number> =>
      worker.evaluate(
        (asked, milliseconds) =>
          new Promise<number>((resolve) => {
            asked.onmessage = ({ data }) => resolve(data)
            asked.postMessage(milliseconds)
          }),
        turnMs,
      ),
    close: async () => {
      await browser.close()
      server.close()
    },
  }
}
