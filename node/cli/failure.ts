/** Errors that end a command: what people read, and which exit code the shell gets. */
import { ConfigError, ProtocolError, VersionError } from '../../protocol/index.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { NetworkError, UnreachableError } from '../network/errors.ts'
import { StorageError } from '../storage/errors.ts'
import { systemReason } from '../system-reason.ts'

/** Ends a command with a code of its own and a message for people. */
export class CommandFailure extends Error {
  override name = 'CommandFailure'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommandFailure) return error.exitCode
  if (error instanceof ConfigError) return EXIT.usage
  if (error instanceof NetworkError) return EXIT.unreachable
  if (error instanceof VersionError) return EXIT.protocolVersion
  return EXIT.failure
}

/** Null for an error that names no path, or that nobody but us can mend. */
function systemMessage(error: NodeJS.ErrnoException): string | null {
  const { path, syscall } = error
  const reason = systemReason(error)
  if (reason === null || path === undefined) return null
  return `Cannot ${syscall ?? 'use'} '${path}' as ${reason}`
}

const STILL_THERE = 'Is it still going on? If it is, ask the organiser for the link that holds now.'

/** Whoever is at fault but us; a model file's errors are the operator's, who gave it. */
const PARTIES = [CommandFailure, ConfigError, ProtocolError, NetworkError, StorageError] as const

/** One message for what is expected to go wrong; the whole stack for what is our bug. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof UnreachableError) return `${error.message}. ${STILL_THERE}`
  const ofSystem = systemMessage(error)
  if (ofSystem !== null) return ofSystem
  const isExpected = PARTIES.some((party) => error instanceof party)
  return isExpected ? error.message : (error.stack ?? error.message)
}
