/**
 * One attempt to reach a coordinator; trying again, and how long after, is the participant's
 * decision.
 */
import type { Connection, Libp2p } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { REQUEST_TIMEOUT_MS } from '../../protocol/limits.ts'
import { disconnect } from './connection-guard.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'

/**
 * A new connection to the first of the addresses that answers with the right key. Whoever dials
 * again has given up the connection it had: it may be dead without knowing, so it is closed and not
 * used again.
 * @throws NetworkError `unreachable`, `wrong-key` or `timeout`
 */
export async function connect(
  host: Libp2p,
  addresses: string[],
  signal?: AbortSignal,
  { timeoutMs = REQUEST_TIMEOUT_MS } = {},
): Promise<Connection> {
  return withDeadline(timeoutMs, signal, async (deadline) => {
    try {
      const targets = addresses.map((address) => multiaddr(address))
      for (const target of targets) giveUp(host, target)
      return await host.dial(targets, { signal: deadline, force: true })
    } catch (error) {
      deadline.throwIfAborted()
      throw explain(addresses, error)
    }
  })
}

function giveUp(host: Libp2p, target: Multiaddr): void {
  const peer = target.getComponents().findLast(({ name }) => name === 'p2p')?.value
  if (peer !== undefined) disconnect(host, peer, new NetworkError('lost', 'Dialling anew'))
}

function explain(addresses: string[], error: unknown): NetworkError {
  const causes = error instanceof AggregateError ? error.errors.map(asError) : [asError(error)]
  // libp2p passes Noise's own message on, and nothing else that tells this apart.
  const wrongKey = causes.some(({ message }) => /identity key .*does not match/i.test(message))
  const where = addresses.join(', ')
  const why = [...new Set(causes.map(({ message }) => message))].join('; ')
  return wrongKey
    ? new NetworkError('wrong-key', `Whoever answers at ${where} is not the coordinator it names`, {
        cause: error,
      })
    : new NetworkError('unreachable', `Cannot reach ${where}: ${why}`, { cause: error })
}
