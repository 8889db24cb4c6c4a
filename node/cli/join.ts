/**
 * `barnraise join LINK`: trains for a run until it ends or Ctrl-C, which hands in the finished
 * prefix.
 */
import { createHash } from 'node:crypto'
import { homedir, hostname } from 'node:os'
import { join as joinPath } from 'node:path'
import { NAME_LENGTH_MAX } from '../../protocol/limits.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { hubSettings } from '../hub/settings.ts'
import { createLog } from '../log.ts'
import { parseLink } from '../network/link.ts'
import { checkMirror } from '../roles/base-sources.ts'
import { startVolunteer } from '../roles/local-volunteer.ts'
import type { VolunteerOutcome } from '../roles/volunteer.ts'
import { SOFTWARE } from '../software.ts'
import { CommandFailure } from './failure.ts'
import { cacheFolder } from './folders.ts'
import { onInterrupt } from './interrupt.ts'
import { printJson } from './output.ts'
import { byteSize, createScreen } from './terminal.ts'

export interface JoinOptions {
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

export async function join(link: string, options: JoinOptions): Promise<void> {
  const invite = parseLink(link)
  const screen = createScreen(process.stderr)
  const report = (fact: object) => {
    if (options.json) printJson(fact)
  }
  const log = createLog(options.verbose ? 'debug' : 'info', (line) => screen.print(line.trimEnd()))
  const role = await startVolunteer(invite, {
    name: (options.name ?? hostname()).slice(0, NAME_LENGTH_MAX),
    software: SOFTWARE,
    cache: options.cache ?? joinPath(cacheFolder(), keyOf(invite.coordinator)),
    identity: options.identity ?? null,
    limits: { threads: options.threads, memoryBytesMax: options.memory },
    hubCache: (await hubSettings(process.env, homedir())).cache,
    mirrors: (options.mirror ?? []).map(checkMirror),
    log,
    onStep: (progress) => {
      report({ type: 'step', ...progress })
      const { steps, loss, stepMs } = progress
      screen.update(`step ${steps}, loss ${loss.toFixed(3)}, ${Math.round(stepMs)} ms a step`)
    },
    onTransfer: (what, done, total) => {
      report({ type: 'transfer', what, done, total })
      screen.update(`fetching ${what}: ${byteSize(done)} of ${byteSize(total)}`)
    },
  })
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
    await role.stop()
  }
}

/** A cache of its own for each coordinator, named by a short hash of its id. */
function keyOf(coordinator: string): string {
  return createHash('sha256').update(coordinator).digest('hex').slice(0, 16)
}
