/**
 * The pictures of the README: the page of a demo run in the middle of its work, and the report of a
 * simulation. `npm run pictures` makes both anew in docs/pictures; `-- RUN` takes a run that is
 * there already instead of a new demo.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { createPages } from '../../node/dashboard/server.ts'
import { createReadModel, type ReadModel } from '../../node/history/read-model.ts'
import { freshState, replay } from '../../node/run/replay.ts'
import { type RunFolder, readRunConfig, runFolder } from '../../node/run/run-folder.ts'
import { readSqliteJournal } from '../../node/storage/sqlite-journal.ts'
import { chromiumPath } from '../chromium/chromium.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PICTURES = join(ROOT, 'docs', 'pictures')
const BYTES_MAX = 200_000
const VIEWPORT = { width: 1180, height: 900 }
/** Pixels below the last card that is shown. */
const MARGIN = 16
/** The page shows the run as it was when this share of its journal was written. */
const SHARE_SHOWN = 0.8
/** A day of browser tabs, as docs/simulate.md has it. */
const SIMULATION = '--preset browser-tabs --volunteers 200 --days 1 --seed 7'.split(' ')

async function main(given: string | undefined): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-pictures-'))
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
  try {
    const run = given ?? join(folder, 'demo')
    if (given === undefined) barnraise('demo', '--out', run)
    await takeDashboard(browser, runFolder(run))
    const report = join(folder, 'report')
    barnraise('simulate', ...SIMULATION, '--out', report)
    const { href } = pathToFileURL(join(report, 'index.html'))
    await take(browser, href, 'simulation', 'Goodput over time')
  } finally {
    await browser.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function barnraise(...args: string[]): void {
  execFileSync('npm', ['run', '-s', 'barnraise', '--', ...args], { cwd: ROOT, stdio: 'inherit' })
}

async function takeDashboard(browser: Browser, folder: RunFolder): Promise<void> {
  const model = await modelOf(folder)
  const invitation = { run: model.run.runId, coordinator: '', kind: 'link', link: null } as const
  const isInvited = async () => false
  const order = async () => ({ accepted: false, said: [] })
  const pages = createPages({ model, invitation, isInvited, order, admin: '', folder })
  const server = createServer(pages.answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await take(browser, `http://127.0.0.1:${port}/`, 'dashboard', 'What is happening')
  pages.close()
  server.closeAllConnections()
  server.close()
}

/** The rows of the run as they were in the middle of it. */
async function modelOf(folder: RunFolder): Promise<ReadModel> {
  const { config, runId } = await readRunConfig(folder)
  const state = freshState(config, runId)
  const model = createReadModel(state)
  const journal = readSqliteJournal(folder.journal, runId)
  const entries = [...journal.read()]
  journal.close()
  const shown = entries.slice(0, Math.round(entries.length * SHARE_SHOWN))
  replay(state, { read: () => shown.values() }, (event, effects, seq) => {
    model.observe(seq, event, effects)
  })
  return model
}

/** A page from its top to the end of the card with this heading. */
async function take(browser: Browser, address: string, name: string, card: string): Promise<void> {
  const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'light' })
  await page.goto(address)
  const path = join(PICTURES, `${name}.png`)
  const clip = { x: 0, y: 0, width: VIEWPORT.width, height: (await endOf(page, card)) + MARGIN }
  await page.screenshot({ path, clip, fullPage: true })
  await page.close()
  const { size } = await stat(path)
  if (size > BYTES_MAX) throw new Error(`${path} has ${size} bytes, more than ${BYTES_MAX}`)
  process.stdout.write(`${path}: ${size} bytes\n`)
}

async function endOf(page: Page, heading: string): Promise<number> {
  const card = page.locator('section', { has: page.getByRole('heading', { name: heading }) })
  const { y, height } = (await card.last().boundingBox())!
  return y + height
}

await main(process.argv[2])
