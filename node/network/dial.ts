/**
 * One attempt to reach a coordinator; trying again, and how long after, is the participant's
 * decision.
 */

import type { Connection, Libp2p as Host } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { REQUEST_TIMEOUT_MS } from '../../protocol/index.ts'
import { disconnect } from './connection-guard.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { placesOf, unreachable } from './unreachable.ts'
import { wayOf } from './way.ts'

/** How one that leads through a relay is replaced by one that does not. @throws Error */
export type Upgrade = (host: Host, relayed: Connection, signal: AbortSignal) => Promise<Connection>

interface ConnectOptions {
  timeoutMs?: number
  /** Left out: what leads through a relay stays so. */
  upgrade?: Upgrade | undefined
}

/**
 * A new connection to the first of the addresses that answers with the right key. Whoever dials
 * again has given up the connection it had: it may be dead without knowing, so it is closed and not
 * used again. One through a relay is replaced before anything is said by it, so nothing is lost.
 * @throws NetworkError `wrong-key`; UnreachableError, which names the addresses and why
 */
export async function connect(
  host: Host,
  addresses: string[],
  signal?: AbortSignal,
  { timeoutMs = REQUEST_TIMEOUT_MS, upgrade }: ConnectOptions = {},
): Promise<Connection> {
  return withDeadline(timeoutMs, signal, async (deadline) => {
    try {
      const targets = addresses.map((address) => multiaddr(address))
      for (const target of targets) giveUp(host, target)
      const connection = await dialInTurn(host, targets, deadline)
      if (upgrade === undefined || wayOf(connection) !== 'relayed') return connection
      return await upgraded(host, connection, upgrade, deadline)
    } catch (error) {
      signal?.throwIfAborted()
      throw explain(addresses, deadline.aborted ? deadline.reason : error)
    }
  })
}

/** What is relayed is tried then: addresses of a home lead nowhere from outside of it. */
const DIRECT_MS_MAX = 4_000

/** Direct addresses first: only where none answers soon, those that lead through a relay. */
async function dialInTurn(
  host: Host,
  targets: readonly Multiaddr[],
  signal: AbortSignal,
): Promise<Connection> {
  const isRelayed = (target: Multiaddr) => `${target}`.includes('/p2p-circuit')
  const relayed = targets.filter(isRelayed)
  const direct = targets.filter((target) => !isRelayed(target))
  if (relayed.length === 0 || direct.length === 0) {
    return host.dial([...targets], { signal, force: true })
  }
  const soon = AbortSignal.any([signal, AbortSignal.timeout(DIRECT_MS_MAX)])
  try {
    return await host.dial(direct, { signal: soon, force: true })
  } catch (first) {
    signal.throwIfAborted()
    return host.dial(relayed, { signal, force: true }).catch((second) => {
      throw new AggregateError([first, second].flatMap(causesOf), 'No address answers')
    })
  }
}

/** What leads through the relay does in any case. */
async function upgraded(
  host: Host,
  relayed: Connection,
  upgrade: Upgrade,
  signal: AbortSignal,
): Promise<Connection> {
  try {
    const direct = await upgrade(host, relayed, signal)
    relayed.abort(new NetworkError('lost', 'It is not needed any more'))
    return direct
  } catch {
    return relayed
  }
}

const causesOf = (error: unknown): unknown[] =>
  error instanceof AggregateError ? error.errors : [error]

function giveUp(host: Host, target: Multiaddr): void {
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
