/**
 * What the network does to us, told apart from what a peer does (`ProtocolError`): a broken link is
 * nobody's fault and is tried again; a wrong key is not.
 */
import { ProtocolError, type Refusal } from '../../protocol/index.ts'

export type NetworkErrorCode =
  /** The connection or stream broke before the exchange was over. */
  | 'lost'
  /** Nobody answered at any of the addresses. */
  | 'unreachable'
  /** Whoever answered does not hold the key that the address names. */
  | 'wrong-key'
  /** The exchange as a whole took too long. */
  | 'timeout'

export class NetworkError extends Error {
  override name = 'NetworkError'
  readonly code: NetworkErrorCode

  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Nobody answered at any of the addresses of a run. */
export class UnreachableError extends NetworkError {
  override name = 'UnreachableError'

  constructor(message: string, cause: unknown) {
    super('unreachable', message, { cause })
  }
}

/** It took too long: a deadline of ours has passed. */
export class TimeoutError extends NetworkError {
  override name = 'TimeoutError'

  constructor(message: string) {
    super('timeout', message)
  }
}

/** We say no to a peer that kept to the protocol: it asks for too much at a time, or too early. */
export class DeclinedError extends ProtocolError {
  override name = 'DeclinedError'

  constructor(reason: string) {
    super('refused', reason)
  }
}

/** A peer answered and said no. It kept to the protocol: nobody is to blame. */
export class RefusedError extends ProtocolError {
  override name = 'RefusedError'
  /** Null when trying again later may help. */
  readonly refusal: Refusal | null

  constructor(refusal: Refusal | null, reason: string) {
    super('refused', refusal === null ? reason : `${refusal}: ${reason}`)
    this.refusal = refusal
  }
}

export function asError(reason: unknown): Error {
  if (reason instanceof Error) return reason
  // A WebSocket tells in an event that it cannot connect, and mostly not why.
  return new Error(reason instanceof Event ? 'no WebSocket is answered there' : String(reason))
}
