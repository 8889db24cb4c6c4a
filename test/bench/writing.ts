/**
 * `npm run bench:generate -- FILE.gguf`: tokens a second of one thread that writes a text, ours in
 * Node against llama.cpp's WASM (wllama) in headless Chromium, same file, same prompt, in turn.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Command } from 'commander'
import { chromium } from 'playwright-core'
import { openTextModel } from '../../node/text/text-model.ts'
import { openTextSession } from '../../node/text/text-session.ts'
import { chromiumPath } from '../chromium/chromium.ts'
import { median } from './contest.ts'
import { installEngines } from './engines.ts'

const WLLAMA = join(import.meta.dirname, 'node_modules', '@wllama', 'wllama', 'esm')
const PROMPT = 'The sea was'

/** Runs in the page. `write` gives the times at which tokens came. */
const OPEN_WLLAMA = `(async () => {
  const { Wllama } = await import('/wllama.js')
  const wllama = new Wllama({ default: '/wllama.wasm' }, { suppressNativeLog: true })
  const size = { n_threads: 1, n_ctx: 512, n_gpu_layers: 0, useCache: false }
  await wllama.loadModelFromUrl(location.origin + '/model.gguf', size)
  window.write = async (request) => {
    const times = []
    const fixed = { temperature: 0, stream: true, cache_prompt: false }
    for await (const _ of await wllama.createCompletion({ ...request, ...fixed })) {
      times.push(performance.now())
    }
    return times
  }
})()`

const program = new Command('bench:generate')
  .description('Measures how fast a model writes, against llama.cpp in WebAssembly (wllama).')
  .argument('<file>', 'a GGUF file that both can read')
  .option('--tokens <count>', 'tokens a text', '40')
  .option('--rounds <count>', 'texts of each, in turn', '5')
  .parse()
const [file] = program.args as [string]
const options = program.opts<{ tokens: string; rounds: string }>()
const [tokens, rounds] = [Number(options.tokens), Number(options.rounds)]

installEngines()
const [ours, theirs] = [await startOurs(), await startWllama()]
await ours.write()
await theirs.write()
const rates: { ours: number; wllama: number }[] = []
for (let round = 0; round < rounds; round++) {
  rates.push({ ours: await ours.write(), wllama: await theirs.write() })
}
await Promise.all([ours.close(), theirs.close()])
const medianOf = (name: 'ours' | 'wllama') => median(rates.map((rate) => rate[name]))
const ratio = median(rates.map((rate) => rate.ours / rate.wllama))
console.log(
  JSON.stringify({ file, tokens, ours: medianOf('ours'), wllama: medianOf('wllama'), ratio }),
)

interface Writer {
  /** Tokens a second. */
  write(): Promise<number>
  close(): Promise<void>
}

async function startOurs(): Promise<Writer> {
  const session = await openTextSession(await openTextModel({ model: file, context: 512 }))
  const prompt = session.model.tokenizer.encodeWhole(PROMPT)
  const sampling = { temperature: 0, topK: 0, topP: 1 }
  return {
    async write() {
      const times: number[] = []
      await session.write('base', prompt, { tokensMax: tokens, sampling, seed: 1 }, () =>
        times.push(performance.now()),
      )
      return rateOf(times)
    },
    close: session.close,
  }
}

async function startWllama(): Promise<Writer> {
  const resources: Readonly<Record<string, readonly [type: string, path: string]>> = {
    '/wllama.js': ['text/javascript', join(WLLAMA, 'index.js')],
    '/wllama.wasm': ['application/wasm', join(WLLAMA, 'wasm', 'wllama.wasm')],
    '/model.gguf': ['application/octet-stream', file],
  }
  const server = createServer(async (request, response) => {
    const [type, path] = resources[request.url ?? ''] ?? ['text/html', null]
    const body = path === null ? '<!doctype html>' : await readFile(path)
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': body.length }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox'],
  })
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await page.evaluate(OPEN_WLLAMA)
  return {
    async write() {
      const write = `write(${JSON.stringify({ prompt: PROMPT, max_tokens: tokens })})`
      return rateOf(await page.evaluate<number[]>(write))
    },
    async close() {
      await browser.close()
      server.close()
    },
  }
}

/** Speed of the tokens after the first. Both tell once more when the text is whole. */
function rateOf(times: readonly number[]): number {
  const ofTokens = times.slice(0, -1)
  return (ofTokens.length - 1) / ((ofTokens.at(-1)! - ofTokens[0]!) / 1000)
}
