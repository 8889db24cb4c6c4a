/**
 * WebKitGTK's own small browser on a display of its own, driven by WebDriver.
 * Source: W3C, WebDriver, §8 (sessions), §10 (navigation), §13.2 (executing script).
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import type { Engine } from './engine.ts'
import { digestsOfPage, IN_WORKER } from './page.ts'
import { isThere } from './shells.ts'

const PLACES = ['4.1', '4.0'].flatMap((version) =>
  ['x86_64', 'aarch64'].map(
    (machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-${version}/MiniBrowser`,
  ),
)
const START_TIMEOUT_MS = 60_000
const SCRIPT_TIMEOUT_MS = 600_000

export const WEBKIT: Engine = {
  name: 'WebKitGTK',
  missing: () =>
    isThere('WebKitWebDriver') && isThere('xvfb-run') && PLACES.some(existsSync)
      ? null
      : 'install WebKitGTK, its driver and Xvfb, on Debian webkit2gtk-driver and xvfb',
  run: () => digestsOfPage(digestsIn),
}

async function digestsIn(address: string, home: string): Promise<string> {
  const driver = await startDriver(home)
  try {
    return await digestsBy(driver.call, address)
  } finally {
    driver.close()
  }
}

type Call = (method: string, path: string, body?: object) => Promise<unknown>

async function digestsBy(call: Call, address: string): Promise<string> {
  const binary = PLACES.find(existsSync)
  const browser = { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } }
  const capabilities = { alwaysMatch: browser }
  const { sessionId } = (await call('POST', '/session', { capabilities })) as { sessionId: string }
  const session = `/session/${sessionId}`
  await call('POST', `${session}/timeouts`, { script: SCRIPT_TIMEOUT_MS })
  await call('POST', `${session}/url`, { url: address })
  const tell = '.then(arguments[0], (error) => arguments[0](String(error)))'
  const script = IN_WORKER + tell
  const said = await call('POST', `${session}/execute/async`, { script, args: [] })
  await call('DELETE', session)
  return said as string
}

async function startDriver(home: string): Promise<{ call: Call; close(): void }> {
  const port = await freePort()
  const command = ['-a', 'WebKitWebDriver', `--port=${port}`, '--host=127.0.0.1']
  const driver = spawn('xvfb-run', command, {
    stdio: 'ignore',
    // The display, the driver and the browser end together, as a group.
    detached: true,
    env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, LANG: 'C.UTF-8', GDK_BACKEND: 'x11' },
  })
  const close = () => void process.kill(-driver.pid!)
  const call: Call = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const { value } = (await response.json()) as { value: { error?: string; message?: string } }
    if (value?.error !== undefined) throw new Error(`${path}: ${value.message}`)
    return value
  }
  const end = Date.now() + START_TIMEOUT_MS
  for (;;) {
    const isReady = await call('GET', '/status').then(
      () => true,
      () => false,
    )
    if (isReady) return { call, close }
    if (Date.now() > end) {
      close()
      throw new Error('WebKitWebDriver does not start')
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
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
