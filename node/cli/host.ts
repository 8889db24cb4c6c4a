/**
 * `barnraise host run.yaml`: prepares the run or goes on with it, and coordinates it to its end.
 */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../../protocol/errors.ts'
import type { RunId } from '../../protocol/run-config.ts'
import { createPages, type Pages } from '../dashboard/server.ts'
import { notesOf } from '../dataset/notes.ts'
import { createLog, type Log } from '../log.ts'
import { parseLink } from '../network/link.ts'
import { type CoordinatorRole, startCoordinator } from '../roles/coordinator.ts'
import { type Addresses, type Progress, standingOf } from '../roles/progress.ts'
import { exportRun } from '../run/export-run.ts'
import { type LocatedRun, locateRun } from '../run/locate-run.ts'
import { planRun, prepareRun } from '../run/prepare-run.ts'
import { isRunFolder, type RunFolder, readRunConfig, runFolder } from '../run/run-folder.ts'
import { readRunYaml } from '../run/run-yaml.ts'
import { hubOf } from './hub.ts'
import { onInterrupt } from './interrupt.ts'
import { createLiveView } from './live-view.ts'
import { printJson } from './output.ts'
import { qrText } from './qr.ts'
import { createScreen, type Screen } from './terminal.ts'

export interface HostOptions {
  out?: string
  port: number
  public?: boolean
  announce?: string[]
  threads: number
  memory: number
  /** Keep the pages when the run is over. */
  stay?: boolean
  json?: boolean
  verbose?: boolean
}

const REDRAW_MS = 500
const ADMIN_BYTES = 16
/** Before the doors close, volunteers get this long to hear of it. */
const FAREWELL_MS = 1_000

export async function host(file: string, options: HostOptions): Promise<void> {
  const { source, yaml } = await readRunYaml(file)
  const here = dirname(resolve(file))
  const root = options.out ?? resolve(here, yaml.output_dir ?? join('runs', yaml.name))
  const folder = runFolder(root)
  const screen = createScreen(process.stderr)
  const log = createLog(options.verbose ? 'debug' : 'warn', (line) => screen.print(line.trimEnd()))
  const located = await locateRun(yaml, here, await hubOf(screen))
  if (isRunFolder(root)) await checkSameRun(located, folder, screen)
  else {
    screen.print(`Preparing ${yaml.name}: reading the base model and tokenising the text`)
    const { dataset } = await prepareRun(located, source, folder)
    const { trainSequences, validationSequences } = dataset.config
    screen.print(`${trainSequences} sequences to train on, ${validationSequences} held out`)
    for (const note of notesOf(dataset)) screen.print(note)
  }
  await coordinate(folder, options, screen, log)
}

/** A folder holds one run: what is hosted in it again must be that run. */
async function checkSameRun(located: LocatedRun, folder: RunFolder, screen: Screen): Promise<void> {
  const { runId } = await readRunConfig(folder)
  const planned = await planRun(located)
  planned.base.close()
  if (planned.runId !== runId) throw otherRun(folder, planned.runId, runId)
  screen.print(`Going on with the run in ${folder.root}`)
}

function otherRun(folder: RunFolder, planned: RunId, found: RunId): ConfigError {
  return new ConfigError(
    `Cannot host this run in '${folder.root}': it holds run ${found.slice(0, 16)}, and run.yaml ` +
      `describes run ${planned.slice(0, 16)}. Undo the change, or give another folder with --out.`,
  )
}

async function coordinate(
  folder: RunFolder,
  options: HostOptions,
  screen: Screen,
  log: Log,
): Promise<void> {
  const view = createLiveView(screen, process.stderr)
  const show = (fact: Progress) => (options.json ? printJson(fact) : view.show(fact))
  const admin = randomBytes(ADMIN_BYTES).toString('base64url')
  let pages = null as Pages | null
  const role = await startCoordinator(folder, {
    listen: listenAddresses(options),
    announce: options.announce ?? [],
    pages: ({ runId: run, coordinator, link, dashboard }) => {
      const invitation = { run, coordinator, link }
      pages = createPages({ model: dashboard, invitation, admin, folder })
      return pages.answer
    },
    limits: { threads: options.threads, memoryBytesMax: options.memory },
    log,
    onProgress: show,
  })
  await writeFile(folder.link, `${role.link}\n`)
  const { runId } = role.status()
  const addresses = addressesOf(role, admin)
  show({ type: 'ready', link: role.link, runId, run: folder.root, ...addresses })
  if (!options.json) invite(screen, role.link, addresses)
  const redraw = () => {
    const standing = standingOf(role.status())
    if (options.json) printJson({ type: 'status', ...standing })
    else view.redraw(standing)
  }
  const timer = setInterval(redraw, REDRAW_MS)
  const interrupted = Promise.withResolvers<'interrupted'>()
  const stopListening = onInterrupt(() => interrupted.resolve('interrupted'))
  const ended = Promise.race([role.finished, interrupted.promise]).finally(() => {
    clearInterval(timer)
    screen.clear()
  })
  try {
    if ((await ended) === 'interrupted') {
      return screen.print('Stopped. The same command goes on from here.')
    }
    const adapter = await bringHome(folder, screen)
    if (!options.stay) return
    show({ type: 'staying', adapter })
    await interrupted.promise
  } finally {
    await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))
    stopListening()
    pages?.close()
    await role.stop()
  }
}

/** Browsers and pages come by the port that was asked for, processes also by the next. */
function listenAddresses({ port, public: isPublic }: HostOptions): string[] {
  const address = isPublic ? '0.0.0.0' : '127.0.0.1'
  const next = port === 0 ? 0 : port + 1
  return [`/ip4/${address}/tcp/${port}/ws`, `/ip4/${address}/tcp/${next}`]
}

/** What is after the # stays in the browser: whoever has the address may join, or see the link. */
function addressesOf({ link, pageAddresses }: CoordinatorRole, admin: string): Addresses {
  const page = pageAddresses.find((address) => !isLoopback(address)) ?? pageAddresses[0]
  if (page === undefined) return { page: null, admin: null }
  const { run, token } = parseLink(link)
  const fragment = `join=${run}.${encodeURIComponent(token)}`
  return { page: `${page}#${fragment}`, admin: `${page}#admin=${admin}` }
}

function invite(screen: Screen, link: string, { page, admin }: Addresses): void {
  screen.print('\nVolunteers join with:\n')
  screen.print(`  barnraise join '${link}'\n`)
  if (page === null) return
  screen.print(`or by opening this page in a browser:\n\n  ${page}\n`)
  screen.print(`${qrText(page)}\n`)
  screen.print(`You see everything at ${admin}\n`)
}

function isLoopback(address: string): boolean {
  return /^(127\.|localhost$|\[::1\]$)/.test(new URL(address).hostname)
}

/** Returns the adapter's folder. */
async function bringHome(folder: RunFolder, screen: Screen): Promise<string> {
  const exported = await exportRun(folder, { format: 'peft', round: null, out: null })
  screen.print(`\nThe adapter is in ${exported.folder}\n`)
  screen.print(`  barnraise generate ${folder.root} --prompt "Once upon a time"`)
  screen.print(`  barnraise export ${folder.root} --format merged-gguf`)
  screen.print(`  barnraise verify ${folder.root}\n`)
  return exported.folder
}
