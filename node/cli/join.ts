/**
 * `barnraise join LINK`: trains for a run until it ends or Ctrl-C, which hands in the finished
 * prefix.
 */
import { mkdir } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join as joinPath } from 'node:path'
import { NAME_LENGTH_MAX } from '../../protocol/limits.ts'
import { createClock } from '../clock.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { type DataMeter, openDataMeter } from '../guest/data-meter.ts'
import { type Explained, overruleText } from '../guest/explain.ts'
import { LOOK_MS, startGuest } from '../guest/guest.ts'
import { hearOwner } from '../guest/hear-owner.ts'
import { lowerPriority } from '../guest/priority.ts'
import { createSensors } from '../guest/sensors.ts'
import { hubSettings } from '../hub/settings.ts'
import { createLog, type Log } from '../log.ts'
import { parseLink } from '../network/link.ts'
import { checkMirror } from '../roles/base-sources.ts'
import { type LocalVolunteerOptions, startVolunteer } from '../roles/local-volunteer.ts'
import type { VolunteerOutcome, VolunteerRole } from '../roles/volunteer.ts'
import { SOFTWARE } from '../software.ts'
import { controlFolder } from './control.ts'
import { CommandFailure } from './failure.ts'
import { cacheFolder, coordinatorKey } from './folders.ts'
import { type GuestOptions, niceOf, wishesOf } from './guest-options.ts'
import { onInterrupt } from './interrupt.ts'
import { printJson } from './output.ts'
import { byteSize, createScreen, type Screen } from './terminal.ts'

export interface JoinOptions extends GuestOptions {
  name?: string
  cache?: string
  identity?: string
  threads: number
  memory: number
  mirror?: string[]
  json?: boolean
  verbose?: boolean
}

const EXIT_CODES: Record<VolunteerOutcome['outcome'], ExitCode> = {
  finished: EXIT.ok,
  left: EXIT.ok,
  refused: EXIT.failure,
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
  /** For scripts, one JSON value a line. */
  report(fact: object): void
}

export async function join(link: string, options: JoinOptions): Promise<void> {
  const invite = parseLink(link)
  const screen = createScreen(process.stderr)
  const level = options.verbose ? 'debug' : 'info'
  const voice: Voice = {
    screen,
    log: createLog(level, (line) => screen.print(line.trimEnd())),
    report: (fact) => {
      if (options.json) printJson(fact)
    },
  }
  // Threads that start later are as unimportant.
  lowerPriority(niceOf(options))
  const cache = options.cache ?? joinPath(cacheFolder(), coordinatorKey(invite.coordinator))
  await mkdir(cache, { recursive: true })
  const meter = await openDataMeter(joinPath(cache, 'moved-today.json'), () => new Date())
  const tally: Tally = { steps: 0, stepMs: null }
  const volunteer = await volunteerOptions(options, cache, voice, { meter, tally })
  const guest = await startGuest(
    {
      wishes: wishesOf(options),
      sensors: createSensors(meter.today),
      clock: createClock(),
      onChange: (reasons) => tellReasons(reasons, voice),
    },
    (paused) => startVolunteer(invite, { ...volunteer, paused }),
  )
  const looking = setInterval(() => {
    Promise.all([guest.look(), meter.save()]).catch((error: Error) => voice.log.warn(error.message))
  }, LOOK_MS)
  const fixed = { ...volunteer.limits, name: volunteer.name }
  const stopHearing = await hearOwner(controlFolder(), guest, () => ({ ...fixed, ...tally })).catch(
    (error: Error) => {
      // It trains all the same.
      voice.log.warn(`Commands such as \`pause\` will not reach it: ${error.message}`)
    },
  )
  try {
    await untilExit(guest.role, voice)
  } finally {
    clearInterval(looking)
    await stopHearing?.()
    await guest.role.stop()
    await meter.save()
  }
}

async function volunteerOptions(
  options: JoinOptions,
  cache: string,
  { screen, log, report }: Voice,
  { meter, tally }: { meter: DataMeter; tally: Tally },
): Promise<Omit<LocalVolunteerOptions, 'paused'>> {
  return {
    name: (options.name ?? hostname()).slice(0, NAME_LENGTH_MAX),
    software: SOFTWARE,
    cache,
    identity: options.identity ?? null,
    limits: { threads: options.threads, memoryBytesMax: options.memory },
    dataBytesMax: options.dataPerDay ?? null,
    hubCache: (await hubSettings(process.env, homedir())).cache,
    mirrors: (options.mirror ?? []).map(checkMirror),
    log,
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

/** @throws CommandFailure where the end is not a good one */
async function untilExit(role: VolunteerRole, { screen, report }: Voice): Promise<void> {
  report({ type: 'started', peer: role.peer })
  const stopListening = onInterrupt(() => {
    screen.print('Handing in what is finished, then leaving (Ctrl-C again to just go)')
    role.leave('the user left')
  })
  try {
    const { outcome, reason } = await role.exited
    screen.clear()
    report({ type: 'exit', outcome, reason })
    const code = EXIT_CODES[outcome]
    if (code !== EXIT.ok) throw new CommandFailure(code, reason)
    screen.print(outcome === 'finished' ? `The run is finished: thank you.` : `Left: ${reason}`)
  } finally {
    stopListening()
  }
}
