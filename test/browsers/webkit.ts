/**
 * WebKitGTK's own small browser on a display of its own, driven by WebDriver.
 * Source: W3C, WebDriver, §8 (sessions), §10 (navigation), §13.2 (executing script), §17 (screen).
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { json } from 'node:stream/consumers'
import { isThere } from '../is-there.ts'
import {
  type DrivenBrowser,
  type Driver,
  expressionOf,
  SCRIPT_TIMEOUT_MS,
  START_TIMEOUT_MS,
  type Started,
  versionOf,
  type WindowSize,
} from './driver.ts'

const PLACES = ['4.1', '4.0'].flatMap((version) =>
  ['x86_64', 'aarch64'].map(
    (machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-${version}/MiniBrowser`,
  ),
)
/** The browser's processes write their console with it, though to stderr. */
const CONSOLE = '--enable-write-console-messages-to-stdout=true'
/** A line of it, also of a worker's. */
const COMPLAINT = /CONSOLE (?:JS )?ERROR .*/g

export const WEBKIT = webKit('WebKitGTK', {})
/**
 * Its threads share nothing by themselves; its engine lets them, when it is told to.
 * Source: WebKit, Source/JavaScriptCore/runtime/OptionsList.h, useSharedArrayBuffer.
 */
export const WEBKIT_SHARING = webKit('WebKitGTK with shared memory', {
  JSC_useSharedArrayBuffer: '1',
})

function webKit(name: string, environment: NodeJS.ProcessEnv): DrivenBrowser {
  return {
    name,
    missing: () =>
      isThere('WebKitWebDriver') && isThere('xvfb-run') && PLACES.some(existsSync)
        ? null
        : 'install WebKitGTK, its driver and Xvfb, on Debian webkit2gtk-driver and xvfb',
    start: async (home, size) => startWebKit(await startDriver(home, environment), size),
  }
}

async function startWebKit(driver: StartedDriver, size: WindowSize): Promise<Driver> {
  const { call, complaints, close } = driver
  try {
    const browser = { binary: PLACES.find(existsSync), args: ['--automation', CONSOLE] }
    const capabilities = { alwaysMatch: { 'webkitgtk:browserOptions': browser } }
    const started = (await call('POST', '/session', { capabilities })) as Started & {
      sessionId: string
    }
    const session = `/session/${started.sessionId}`
    await call('POST', `${session}/timeouts`, { script: SCRIPT_TIMEOUT_MS })
    await call('POST', `${session}/window/rect`, size)
    return {
      ...driverOf(call, session),
      version: versionOf(started),
      complaints: () => complaints,
      close: async () => {
        await call('DELETE', session).finally(close)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

function driverOf(call: Call, session: string): Omit<Driver, 'version' | 'complaints' | 'close'> {
  return {
    open: async (url) => void (await call('POST', `${session}/url`, { url })),
    evaluate: async (run, argument) => {
      const tell =
        '.then((json) => arguments[0]({ json }), (error) => arguments[0]({ error: String(error) }))'
      const script = expressionOf(run, argument) + tell
      const said = await call('POST', `${session}/execute/async`, { script, args: [] })
      const { json, error } = said as { json: string; error?: string }
      if (error !== undefined) throw new Error(error)
      return JSON.parse(json)
    },
    screenshot: async () =>
      Buffer.from((await call('GET', `${session}/screenshot`)) as string, 'base64'),
  }
}

/** What is not the machine's: a language that is none, and the display that xvfb-run starts. */
const HOST = { LANG: 'C.UTF-8', GDK_BACKEND: 'x11' }

type Call = (method: string, path: string, body?: object) => Promise<unknown>

interface StartedDriver {
  call: Call
  complaints: readonly string[]
  close(): Promise<void>
}

async function startDriver(home: string, environment: NodeJS.ProcessEnv): Promise<StartedDriver> {
  const port = await freePort()
  const command = ['-a', 'WebKitWebDriver', `--port=${port}`, '--host=127.0.0.1']
  const driver = spawn('xvfb-run', command, {
    stdio: ['ignore', 'ignore', 'pipe'],
    // The display, the driver and the browser end together, as a group.
    detached: true,
    env: { ...process.env, ...HOST, ...environment, HOME: home, XDG_RUNTIME_DIR: home },
  })
  const complaints: string[] = []
  driver.stderr.on('data', (data) => complaints.push(...(String(data).match(COMPLAINT) ?? [])))
  const exited = new Promise<void>((resolve) => driver.once('exit', () => resolve()))
  const close = async () => {
    process.kill(-driver.pid!)
    await exited
  }
  const call = callerOf(port)
  const end = Date.now() + START_TIMEOUT_MS
  for (;;) {
    const isReady = await call('GET', '/status').then(
      () => true,
      () => false,
    )
    if (isReady) return { call, complaints, close }
    if (Date.now() > end) {
      await close()
      throw new Error('WebKitWebDriver does not start')
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Unlike `fetch` this waits for an answer as long as a script of a page may take. */
function callerOf(port: number): Call {
  return async (method, path, body) => {
    const asked = request({ host: '127.0.0.1', port, path, method })
    asked.end(body && JSON.stringify(body))
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    const { value } = (await json(answer)) as { value: { error?: string; message?: string } }
    if (value?.error !== undefined) throw new Error(`${path}: ${value.message}`)
    return value
  }
}

/** The driver takes none by itself that it would tell. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
