/** Why a host cannot listen, as its operator can mend it. */
import { ConfigError } from '../../protocol/index.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has this port: give another with --port',
  EACCES: 'this user may not take this port: give one above 1023 with --port',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** Null for what the operator cannot mend. */
export function cannotListen(
  address: string,
  { code = '' }: { code?: string | undefined },
): ConfigError | null {
  const reason = REASONS[code]
  return reason === undefined ? null : new ConfigError(`Cannot listen on ${address}: ${reason}`)
}

/** libp2p lists the addresses that failed, each with its cause, in its message. */
const FAILED = /(\/\S+): Error: listen (\w+)/

/** A ConfigError for what the operator can mend, else the error itself. */
export function listenError(error: Error): Error {
  const [, address = '', code] = FAILED.exec(error.message) ?? []
  return cannotListen(address, { code }) ?? error
}
