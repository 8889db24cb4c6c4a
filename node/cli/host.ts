/**
 * `barnraise host run.yaml`: prepares the run or goes on with it, and coordinates it to its end.
 */

import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { createPages, type Pages } from '../dashboard/server.ts'
import { type Progress, type Standing, standingOf } from '../history/progress.ts'
import { createLog, type Log } from '../log.ts'
import { checkFree } from '../network/free-ports.ts'
import { announcedAddress } from '../network/link.ts'
import { tellNearby } from '../network/nearby.ts'
import { relayAddress } from '../network/relay-places.ts'
import {
  type CoordinatorOptions,
  type CoordinatorRole,
  startCoordinator,
} from '../roles/coordinator.ts'
import { farewell } from '../roles/farewell.ts'
import type { Ways } from '../roles/ways.ts'
import { exportRun } from '../run/export-run.ts'
import {
  checkRunFolder,
  isRunFolder,
  type RunFolder,
  runFolder,
  writeSecret,
} from '../run/run-folder.ts'
import { hostedMirrors } from '../setup/hosted-mirrors.ts'
import { runFolderOf } from '../setup/run-folder-of.ts'
import { isHere } from './audience.ts'
import { baseSentText, baseSourcesText } from './base-words.ts'
import { command, quoted } from './command.ts'
import { serveOrders } from './host-control.ts'
import { type OpenWays, openWays, type WaysOptions } from './host-ways.ts'
import { hubOf } from './hub.ts'
import { onInterrupt } from './interrupt.ts'
import { addressesOf, checkText, inviteNeededText, inviteText } from './invite.ts'
import { listenAddresses } from './listen-addresses.ts'
import { createLiveView, type LiveView } from './live-view.ts'
import { printJson, whenChanged } from './output.ts'
import { roundWords } from './round-words.ts'
import { createScreen, type Screen } from './terminal.ts'

export interface HostOptions extends WaysOptions {
  out?: string
  announce?: string[]
  /** Addresses of relays. */
  relay?: string[]
  /** False: who comes through a relay stays there. */
  punch?: boolean
  threads: number
  memory: number
  /** False: this network is not told of the run. */
  nearby?: boolean
  /** Keep the pages when the run is over. */
  stay?: boolean
  json?: boolean
  verbose?: boolean
}

const REDRAW_MS = 500
/** Rows of a terminal whose size is not known. */
const ROWS = 24
const ADMIN_BYTES = 16

/** @param what a run.yaml, or the folder of a run, which is enough to go on with it */
export async function host(what: string, options: HostOptions): Promise<void> {
  const screen = createScreen(process.stderr)
  const doors = checkHostOptions(isRunFolder(what) ? runFolder(what) : null, options)
  await checkFree(doors.listen)
  const log = createLog(options.verbose ? 'debug' : 'warn', (line) => screen.print(line.trimEnd()))
  const folder = isRunFolder(what)
    ? goOn(runFolder(what), screen)
    : await prepared(what, options, screen)
  await coordinate(folder, doors, options, { screen, log })
}

/** What cannot be is said before any work that would be for nothing. */
export function checkHostOptions(folder: RunFolder | null, options: HostOptions) {
  checkTunnel(options)
  if (folder !== null) checkFolder(folder, options)
  return {
    announce: (options.announce ?? []).map(announcedAddress),
    relays: (options.relay ?? []).map(relayAddress),
    listen: listenAddresses(options),
  }
}

function checkTunnel({ tunnel, port }: HostOptions): void {
  if (tunnel === undefined || port !== 0) return
  throw new ConfigError(
    "Cannot start the tunnel as '--port' must be the one that its command names: it is 0",
  )
}

function checkFolder(folder: RunFolder, { out }: HostOptions): void {
  if (out !== undefined && resolve(out) !== resolve(folder.root)) {
    throw new ConfigError(
      `Cannot host the run of one folder in another: leave '--out' out, or give its run.yaml`,
    )
  }
  checkRunFolder(folder)
}

function goOn(folder: RunFolder, screen: Screen): RunFolder {
  screen.print(`Going on with the run in ${folder.root}`)
  return folder
}

async function prepared(file: string, options: HostOptions, screen: Screen): Promise<RunFolder> {
  const hub = await hubOf(screen)
  const { out = null } = options
  const { folder, isNew } = await runFolderOf(file, { out, hub, say: screen.print })
  return isNew ? folder : goOn(folder, screen)
}

async function coordinate(
  folder: RunFolder,
  doors: Pick<CoordinatorOptions, 'listen' | 'announce' | 'relays'>,
  options: HostOptions,
  { screen, log }: { screen: Screen; log: Log },
): Promise<void> {
  const view = createLiveView(screen, process.stderr, folder.root)
  const show = (fact: Progress) => (options.json ? printJson(fact) : view.show(fact))
  const mirrors = await hostedMirrors(folder, log.warn)
  const admin = randomBytes(ADMIN_BYTES).toString('base64url')
  let pages = null as Pages | null
  let ways = null as OpenWays | null
  const role = await startCoordinator(folder, {
    listen: doors.listen,
    announce: doors.announce,
    relays: doors.relays ?? [],
    punch: options.punch !== false,
    mirrors,
    pages: ({ runId: run, coordinator, kind, link, dashboard, isInvited, order }) => {
      const invitation = { run, coordinator, kind, link }
      pages = createPages({ model: dashboard, invitation, isInvited, order, admin, folder })
      return pages
    },
    limits: { threads: options.threads, memoryBytesMax: options.memory },
    log,
    onProgress: show,
    onMoved: (now) => ways?.moved(now),
  })
  const announce = async ({ link, pageAddresses }: Ways) => {
    pages?.inviteBy(link)
    await writeSecret(folder.link, link)
    const addresses = addressesOf({ link, pageAddresses }, admin)
    const { runId, coordinator, kind } = role
    show({ type: 'ready', link, runId, coordinator, run: folder.root, ...addresses })
    if (options.json) return
    const rows = process.stderr.rows ?? ROWS
    const isInviteNeeded = kind === 'invites'
    screen.print(
      isInviteNeeded ? inviteNeededText(folder.root, addresses) : inviteText(link, addresses, rows),
    )
    screen.print(checkText(role))
    screen.print(baseSourcesText(mirrors, role.dashboard.run.baseBytes))
  }
  const interrupted = Promise.withResolvers<'interrupted'>()
  const stopListening = onInterrupt(() => interrupted.resolve('interrupted'))
  let nearby = null as { stop(): void } | null
  let closeOrders = null as (() => Promise<void>) | null
  const tell = (fact: object, line: string) => {
    if (options.json) printJson(fact)
    else screen.print(line)
  }
  ways = openWays(role, options, { announce, tell })
  try {
    closeOrders = await serveOrders(role.runId, role.order)
    await Promise.race([ways.ready, interrupted.promise])
    nearby = told(role, options)
    if ((await endOf(role, interrupted.promise, options, { view, screen })) === 'interrupted') {
      return screen.print('Stopped. The same command goes on from here.')
    }
    const adapter = await bringHome(folder, screen)
    sayRefused(role.dashboard.run.mergesRefused, screen)
    if (!options.stay) return
    show({ type: 'staying', adapter })
    await interrupted.promise
  } finally {
    await farewell(role.dashboard.run)
    nearby?.stop()
    pages?.close()
    await ways.stop()
    await closeOrders?.()
    await role.stop()
    if (!options.json) screen.print(baseSentText(role.dashboard.run))
    stopListening()
  }
}

/** This network hears of the run, where it reaches it. */
function told(role: CoordinatorRole, options: HostOptions): { stop(): void } | null {
  const { public: isPublic = false, nearby: isWanted = true } = options
  const page = role.pageAddresses.find((one) => !isHere(one))
  if (!isPublic || !isWanted || page === undefined) return null
  const { name, base } = role.dashboard.run
  return tellNearby({ page, name, base, organiser: role.coordinator })
}

/** Shows where the run stands, until it ends. */
async function endOf(
  role: CoordinatorRole,
  interrupted: Promise<'interrupted'>,
  options: HostOptions,
  { view, screen }: { view: LiveView; screen: Screen },
): Promise<'finished' | 'interrupted'> {
  const tellChange = whenChanged((standing: Standing) => printJson({ type: 'status', ...standing }))
  const redraw = () => {
    const standing = standingOf(role.dashboard.run)
    if (options.json) tellChange(standing)
    else view.redraw(standing)
  }
  const timer = setInterval(redraw, REDRAW_MS)
  try {
    return await Promise.race([role.finished.then(() => 'finished' as const), interrupted])
  } finally {
    clearInterval(timer)
    screen.clear()
  }
}

function sayRefused(merges: number, screen: Screen): void {
  if (merges === 0) return
  const what = merges === 1 ? 'One merge was' : `${merges} merges were`
  screen.print(`${what} not published, as the held-out loss rose too far: those rounds were redone`)
}

/** Returns the adapter's folder. */
async function bringHome(folder: RunFolder, screen: Screen): Promise<string> {
  const exported = await exportRun(folder, { format: 'peft', round: null, out: null })
  screen.print(`\nThe adapter of ${roundWords(exported, true)} is in ${exported.folder}\n`)
  const run = quoted(folder.root)
  screen.print(`  ${command(`generate ${run} --prompt "Once upon a time"`)}`)
  screen.print(`  ${command(`export ${run} --format merged-gguf`)}`)
  screen.print(`  ${command(`verify ${run}`)}\n`)
  const further = `adapter_from: ${resolve(folder.root)}`
  screen.print(`To train it further, host another run.yaml that has \`${further}\`.\n`)
  return exported.folder
}
