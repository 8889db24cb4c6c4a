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

/** A value that is not what it must be. */
export interface Fault {
  /** Where it stands, as `run.adapter.alpha`. */
  path: string
  /** What it must be. */
  rule: string
  current: string
}

/** The peer sent something that the protocol does not allow. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
  readonly code: ProtocolErrorCode
  /** The value at fault, where it is one. */
  readonly fault: Fault | null

  constructor(code: ProtocolErrorCode, message: string, fault: Fault | null = null) {
    super(message)
    this.code = code
    this.fault = fault
  }
}

/** The other side speaks another version of the protocol, which is nobody's fault. */
export class VersionError extends ProtocolError {
  override name = 'VersionError'

  constructor(message: string) {
    super('version', message)
  }
}

/** Bytes are not what their digest says: whoever sent them is at fault. */
export class DigestMismatch extends ProtocolError {
  override name = 'DigestMismatch'

  constructor(message: string) {
    super('digest-mismatch', message)
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
