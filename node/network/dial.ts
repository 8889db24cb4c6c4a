/**
 * One attempt to reach a coordinator; trying again, and how long after, is the participant's
 * decision.
 */

import type { Connection, Libp2p } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { REQUEST_TIMEOUT_MS } from '../../protocol/index.ts'
import { disconnect } from './connection-guard.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { placesOf, unreachable } from './unreachable.ts'

/**
 * A new connection to the first of the addresses that answers with the right key. Whoever dials
 * again has given up the connection it had: it may be dead without knowing, so it is closed and not
 * used again.
 * @throws NetworkError `wrong-key`; UnreachableError, which names the addresses and why
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
      signal?.throwIfAborted()
      throw explain(addresses, deadline.aborted ? deadline.reason : error)
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
  if (!wrongKey) return unreachable(addresses, error)
  return new NetworkError(
    'wrong-key',
    `Whoever answers at ${placesOf(addresses)} is not the coordinator that the link names: ask ` +
      'the organiser for the new link',
    { cause: error },
  )
}
