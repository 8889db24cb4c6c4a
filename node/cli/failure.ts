/** Errors that end a command: what people read, and which exit code the shell gets. */
import { ConfigError, ProtocolError } from '../../protocol/errors.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'

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
  if (error instanceof ProtocolError && error.code === 'version') return EXIT.protocolVersion
  return EXIT.failure
}

/** One message for what is expected to go wrong; the whole stack for what is our bug. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const expected =
    error instanceof CommandFailure ||
    error instanceof ConfigError ||
    error instanceof ProtocolError ||
    error.name === 'StorageError' ||
    error.name === 'ModelError'
  return expected ? error.message : (error.stack ?? error.message)
}
