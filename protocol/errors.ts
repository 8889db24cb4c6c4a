/**
 * Errors name who is at fault. The remote peer: `ProtocolError` (score it, close it). The operator:
 * `ConfigError` (say what to change, exit 2). Us: an assertion (crash). Expected outcomes are
 * values.
 */

export type ProtocolErrorCode =
  | 'malformed'
  | 'too-large'
  | 'truncated'
  | 'silent'
  | 'version'
  | 'digest-mismatch'
  | 'signature'
  | 'refused'

/** The peer sent something that the protocol does not allow. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
  readonly code: ProtocolErrorCode

  constructor(code: ProtocolErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** The operator gave something that cannot work; the message says which value and what to do. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** Throws when an invariant of ours does not hold: a bug, never bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`)
}

/** The compiler proves that a switch over a union is complete. */
export function assertNever(value: never): never {
  throw new Error(`Invariant broken: unexpected ${JSON.stringify(value)}`)
}
