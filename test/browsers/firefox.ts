/**
 * A stock Firefox, headless, driven by WebDriver BiDi.
 * Source: W3C, WebDriver BiDi, §7.1 (session), §7.3 (browsingContext), §7.6 (script), §7.8 (log).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isThere } from '../is-there.ts'
import { type BiDi, openBiDi } from './bidi.ts'
import {
  type DrivenBrowser,
  type Driver,
  expressionOf,
  START_TIMEOUT_MS,
  type Started,
  versionOf,
  type WindowSize,
} from './driver.ts'

const COMMAND = process.env.FIREFOX ?? 'firefox-esr'

export const FIREFOX: DrivenBrowser = {
  name: 'Firefox',
  missing: () =>
    isThere(COMMAND) ? null : 'install Firefox, on Debian firefox-esr, or name it in FIREFOX',
  start: startFirefox,
}

/** They keep a new profile from asking anybody anything. */
const QUIET = {
  'app.normandy.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  // Every name leads to this machine.
  'network.dns.forceResolve': '127.0.0.1',
}

async function startFirefox(home: string, size: WindowSize): Promise<Driver> {
  const lines = Object.entries(QUIET).map(
    ([name, value]) => `user_pref('${name}', ${JSON.stringify(value)});`,
  )
  writeFileSync(join(home, 'user.js'), lines.join('\n'))
  const options = ['--headless', '--no-remote', '--profile', home, '--remote-debugging-port', '0']
  const firefox = spawn(COMMAND, options, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: home },
  })
  const exited = new Promise<void>((resolve) => firefox.once('exit', () => resolve()))
  const bidi = await openBiDi(`${await addressOf(firefox)}/session`)
  const started = (await bidi.send('session.new', { capabilities: {} })) as Started
  await bidi.send('session.subscribe', { events: ['log.entryAdded'] })
  const { contexts } = (await bidi.send('browsingContext.getTree', {})) as {
    contexts: { context: string }[]
  }
  const [{ context }] = contexts as [{ context: string }]
  await bidi.send('browsingContext.setViewport', { context, viewport: size })
  return {
    ...driverOf(bidi, context),
    version: versionOf(started),
    close: async () => {
      await bidi.send('browser.close', {})
      await exited
    },
  }
}

async function addressOf(firefox: ChildProcess): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      firefox.kill()
      reject(new Error('Firefox does not start'))
    }, START_TIMEOUT_MS)
    let said = ''
    const hear = (data: Buffer) => {
      said += data
      const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(said) ?? []
      if (found === undefined) return
      clearTimeout(timer)
      // What else it says is read, or it would wait for a reader, and not kept.
      firefox.stderr!.off('data', hear).resume()
      resolve(found)
    }
    firefox.stderr!.on('data', hear)
  })
}

type Evaluated =
  | { type: 'success'; result: { value: string } }
  | { type: 'exception'; exceptionDetails: { text: string } }

function driverOf({ send, events }: BiDi, context: string): Omit<Driver, 'version' | 'close'> {
  return {
    open: async (url) =>
      void (await send('browsingContext.navigate', { context, url, wait: 'complete' })),
    evaluate: async (run, argument) => {
      const expression = expressionOf(run, argument)
      const asked = { expression, target: { context }, awaitPromise: true }
      const evaluated = (await send('script.evaluate', asked)) as Evaluated
      if (evaluated.type === 'success') return JSON.parse(evaluated.result.value)
      throw new Error(evaluated.exceptionDetails.text)
    },
    screenshot: async () => {
      const { data } = (await send('browsingContext.captureScreenshot', { context })) as {
        data: string
      }
      return Buffer.from(data, 'base64')
    },
    complaints: () =>
      events.flatMap(({ level, text }) => (level === 'error' && text !== undefined ? [text] : [])),
  }
}
