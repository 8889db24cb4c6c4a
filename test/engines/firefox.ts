/**
 * A stock Firefox, headless, driven by WebDriver BiDi: a page on loopback has a worker run the
 * plain script.
 * Source: W3C, WebDriver BiDi, §7.1 (session), §7.3 (browsingContext), §7.6 (script).
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { digestsOfPage, IN_WORKER } from './page.ts'
import { isThere } from './shells.ts'

const COMMAND = process.env.FIREFOX ?? 'firefox-esr'
const START_TIMEOUT_MS = 60_000

export const FIREFOX: Engine = {
  name: 'Firefox',
  missing: () =>
    isThere(COMMAND) ? null : 'install Firefox, on Debian firefox-esr, or name it in FIREFOX',
  run: () => digestsOfPage(digestsIn),
}

interface Browser {
  send(method: string, params: object): Promise<Record<string, unknown>>
  close(): Promise<void>
}

async function digestsIn(address: string, folder: string): Promise<string> {
  const { send, close } = await startFirefox(folder)
  try {
    return await digestsBy(send, address)
  } finally {
    await close()
  }
}

async function digestsBy(send: Browser['send'], address: string): Promise<string> {
  await send('session.new', { capabilities: {} })
  const { contexts } = (await send('browsingContext.getTree', {})) as {
    contexts: { context: string }[]
  }
  const [{ context }] = contexts as [{ context: string }]
  await send('browsingContext.navigate', { context, url: address, wait: 'complete' })
  const evaluated = (await send('script.evaluate', {
    expression: IN_WORKER,
    target: { context },
    awaitPromise: true,
  })) as
    | { type: 'success'; result: { value: string } }
    | { type: 'exception'; exceptionDetails: { text: string } }
  if (evaluated.type === 'success') return evaluated.result.value
  throw new Error(evaluated.exceptionDetails.text)
}

/** Starts it on a profile of its own in the folder, which keeps it from asking anybody anything. */
async function startFirefox(folder: string): Promise<Browser> {
  const quiet = {
    'app.normandy.enabled': false,
    'browser.shell.checkDefaultBrowser': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
  }
  const lines = Object.entries(quiet).map(([name, value]) => `user_pref('${name}', ${value});`)
  writeFileSync(join(folder, 'user.js'), lines.join('\n'))
  const options = ['--headless', '--no-remote', '--profile', folder]
  const firefox = spawn(COMMAND, [...options, '--remote-debugging-port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: folder },
  })
  const exited = new Promise<void>((resolve) => firefox.once('exit', () => resolve()))
  const address = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      firefox.kill()
      reject(new Error('Firefox does not start'))
    }, START_TIMEOUT_MS)
    let said = ''
    firefox.stderr.on('data', (data) => {
      said += data
      const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(said) ?? []
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    })
  })
  const send = await openBiDi(`${address}/session`)
  return {
    send,
    close: async () => {
      await send('browser.close', {})
      await exited
    },
  }
}

/** Commands out, results in, matched by their number. */
async function openBiDi(address: string): Promise<Browser['send']> {
  const socket = new WebSocket(address)
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error(`Cannot connect to ${address}`))
  })
  const waiting = new Map<number, (answer: Answer) => void>()
  socket.onmessage = ({ data }) => {
    const answer: Answer = JSON.parse(String(data))
    waiting.get(answer.id)?.(answer)
  }
  let id = 0
  return (method, params) =>
    new Promise((resolve, reject) => {
      id += 1
      waiting.set(id, ({ result, message }) => {
        if (result !== undefined) resolve(result)
        else reject(new Error(`${method}: ${message}`))
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
}

interface Answer {
  id: number
  result?: Record<string, unknown>
  message?: string
}
