/**
 * `barnraise join LINK`: trains for a run until it ends or Ctrl-C, which hands in the finished
 * prefix.
 */

import { homedir } from 'node:os'
import { join as joinPath } from 'node:path'
import { NAME_LENGTH_MAX } from '../../protocol/index.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type DataMeter, openDataMeter } from '../guest/data-meter.ts'
import { type Explained, overruleText } from '../guest/explain.ts'
import { LOOK_MS, startGuest } from '../guest/guest.ts'
import { lowerPriority } from '../guest/priority.ts'
import { createSensors } from '../guest/sensors.ts'
import { byteSize } from '../history/figures.ts'
import { hubSettings } from '../hub/settings.ts'
import { createLog, type Log } from '../log.ts'
import { ownLan } from '../network/lan.ts'
import type { Invite } from '../network/link.ts'
import { placesOf } from '../network/unreachable.ts'
import type { Way } from '../network/way.ts'
import { checkMirror } from '../roles/base-sources.ts'
import { hearOwner } from '../roles/hear-owner.ts'
import { type LocalVolunteerOptions, startVolunteer } from '../roles/local-volunteer.ts'
import type { VolunteerOutcome, VolunteerRole } from '../roles/volunteer.ts'
import { openVolunteerHome, type VolunteerHome } from '../roles/volunteer-home.ts'
import { SOFTWARE } from '../software.ts'
import { awaitInvite, hearWhileWaiting } from './await-invite.ts'
import { controlFolder } from './control.ts'
import { CommandFailure } from './failure.ts'
import { blobsFolder, cacheFolder, coordinatorKey } from './folders.ts'
import { type GuestOptions, niceOf, preferencesOf } from './guest-options.ts'
import { onInterrupt } from './interrupt.ts'
import { chooseNearby } from './nearby.ts'
import { printJson } from './output.ts'
import { createScreen, type Screen } from './terminal.ts'

export interface JoinOptions extends GuestOptions {
  name?: string
  cache?: string
  identity?: string
  threads: number
  memory: number
  mirror?: string[]
  /** False: those that the run names are not asked. */
  mirrors?: boolean
  /** False: nothing is taken from volunteers of this network, nor given to them. */
  share?: boolean
  json?: boolean
  verbose?: boolean
}

const EXIT_CODES: Record<VolunteerOutcome['outcome'], ExitCode> = {
  finished: EXIT.ok,
  left: EXIT.ok,
  refused: EXIT.refused,
  version: EXIT.protocolVersion,
  failed: EXIT.failure,
}

/** What was done since the start. */
interface Tally {
  steps: number
  stepMs: number | null
}

/** What a command shows while it runs. */
interface Voice {
  screen: Screen
  log: Log
  /** Tells scripts a fact, one JSON value a line. */
  report(fact: object): void
}

/** @param given a link; without one, the runs on this network are shown */
export async function join(given: string | undefined, options: JoinOptions): Promise<void> {
  const link = given ?? (await chooseNearby(options))
  if (link === null) return
  const screen = createScreen(process.stderr)
  const level = options.verbose ? 'debug' : 'info'
  const voice: Voice = {
    screen,
    log: createLog(level, (line) => screen.print(line.trimEnd())),
    report: (fact) => {
      if (options.json) printJson(fact)
    },
  }
  const { name = 'a volunteer', threads, memory: memoryBytesMax } = options
  const hear = hearWhileWaiting(controlFolder(), { name, threads, memoryBytesMax })
  const invite = await awaitInvite(link, { tell: screen.print, hear })
  if (invite === null) return tellEnd({ outcome: 'left', reason: 'the user left' }, '', voice)
  screen.print(`Joining the run at ${placesOf(invite.addresses)}; Ctrl-C leaves it again`)
  // Threads that start later are as unimportant.
  lowerPriority(niceOf(options))
  const cache = options.cache ?? cacheFolder()
  const home = await openVolunteerHome(joinPath(cache, coordinatorKey(invite.coordinator)))
  try {
    await volunteer(invite, options, voice, { cache, home })
  } finally {
    home.release()
  }
}

interface Folders {
  cache: string
  home: VolunteerHome
}

async function volunteer(
  invite: Invite,
  options: JoinOptions,
  voice: Voice,
  { cache, home }: Folders,
): Promise<void> {
  if (home.number > 1) {
    voice.screen.print(
      `This is volunteer ${home.number} of this run on this machine, with a key of its own. ` +
        'They share what is fetched, and the cores.',
    )
  }
  const meter = await openDataMeter(joinPath(home.folder, 'moved-today.json'), () => new Date())
  const tally: Tally = { steps: 0, stepMs: null }
  const parts = await volunteerOptions(options, voice, { meter, tally })
  const folders = { home: home.folder, blobs: blobsFolder(cache) }
  const guest = await startGuest(
    {
      preferences: preferencesOf(options),
      sensors: createSensors(meter.today),
      // A pause lasts to the time that its owner was told, whatever the clock does meanwhile.
      clock: Date.now,
      onChange: (reasons) => tellReasons(reasons, voice),
    },
    (paused) => startVolunteer(invite, { ...parts, ...folders, paused }),
  )
  const looking = setInterval(() => {
    Promise.all([guest.look(), meter.save()]).catch((error: Error) => voice.log.warn(error.message))
  }, LOOK_MS)
  const describe = () => ({ ...parts.limits, ...tally })
  const stopHearing = await hearOwner(controlFolder(), guest, describe).catch((error: Error) => {
    // It trains all the same.
    voice.log.warn(`Commands such as \`pause\` will not reach it: ${error.message}`)
  })
  try {
    await untilExit(guest.role, invite.token === '' ? HALF_A_LINK : '', voice)
  } finally {
    clearInterval(looking)
    await stopHearing?.()
    await guest.role.stop()
    await meter.save()
  }
}

async function volunteerOptions(
  options: JoinOptions,
  { screen, log, report }: Voice,
  { meter, tally }: { meter: DataMeter; tally: Tally },
): Promise<Omit<LocalVolunteerOptions, 'paused' | 'home' | 'blobs'>> {
  return {
    name: options.name?.slice(0, NAME_LENGTH_MAX) ?? null,
    software: SOFTWARE,
    identity: options.identity ?? null,
    limits: { threads: options.threads, memoryBytesMax: options.memory },
    dataBytesMax: options.dataPerDay ?? null,
    hubCache: (await hubSettings(process.env, homedir())).cache,
    mirrors: (options.mirror ?? []).map(checkMirror),
    followsMirrors: options.mirrors !== false,
    // Whoever counts what is moved gives none of it away.
    lan: options.share === false || options.dataPerDay !== undefined ? null : ownLan,
    onShared: meter.add,
    log,
    onWay: (way) => {
      report({ type: 'connected', way })
      screen.print(WAY_WORDS[way])
    },
    onStep: (progress) => {
      report({ type: 'step', ...progress })
      const { steps, loss, stepMs } = progress
      tally.steps += 1
      tally.stepMs = stepMs
      screen.update(`step ${steps}, loss ${loss.toFixed(3)}, ${Math.round(stepMs)} ms a step`)
    },
    onTransfer: (progress) => {
      meter.add(progress.moved)
      report({ type: 'transfer', ...progress })
      const { what, done, total } = progress
      screen.update(`moving ${what}: ${byteSize(done)} of ${byteSize(total)}`)
    },
  }
}

const WAY_WORDS: Readonly<Record<Way, string>> = {
  direct: 'Connected to the run directly',
  'hole punching': 'Connected to the run directly, though both are behind routers (hole punching)',
  relayed: 'Connected to the run through a relay',
}

/** Why it pauses and how to overrule that, or that it goes on. */
function tellReasons(reasons: readonly Explained[], { screen, report }: Voice): void {
  screen.clear()
  if (reasons.length === 0) {
    report({ type: 'resumed' })
    screen.print('Going on')
    return
  }
  report({ type: 'paused', reasons })
  screen.print(`Paused: ${reasons.map(({ text }) => text).join('; ')}`)
  screen.print(`  to go on: ${overruleText(reasons)}`)
}

/** A bare address joins runs that are open to all, and no other. */
const HALF_A_LINK = '. This link has no token: copy it whole from the organiser'

/**
 * @param hint what may be the matter where the run refuses
 * @throws CommandFailure where the end is not a good one
 */
async function untilExit(
  role: VolunteerRole,
  hint: string,
  { screen, report }: Voice,
): Promise<void> {
  report({ type: 'started', peer: role.peer })
  const stopListening = onInterrupt(() => {
    screen.print('Handing in what is finished, then leaving (Ctrl-C again to just go)')
    role.leave('the user left')
  })
  try {
    const end = await role.exited
    screen.clear()
    tellEnd(end, hint, { screen, report })
  } finally {
    stopListening()
  }
}

/** @throws CommandFailure where the end is not a good one */
function tellEnd(
  { outcome, reason }: VolunteerOutcome,
  hint: string,
  { screen, report }: Pick<Voice, 'screen' | 'report'>,
): void {
  report({ type: 'exit', outcome, reason })
  const code = EXIT_CODES[outcome]
  if (code !== EXIT.ok) {
    throw new CommandFailure(code, outcome === 'refused' ? reason + hint : reason)
  }
  screen.print(outcome === 'finished' ? `Thank you: ${reason}` : `Left: ${reason}`)
}
