/**
 * TCP that is dialled from a port that is known, so that a router's translation of it (NAT) can be
 * used once more. A connection to a relay makes the router lead one of its ports to this one; most
 * routers do so for every address that it sends to (RFC 4787, section 4.1: endpoint-independent).
 * So whoever sends to what the relay sees reaches this port, once something was sent from it to
 * them. Two connections may have the same port here where none listens at it: libuv sets
 * SO_REUSEADDR, to which Linux gives that meaning. Other systems are dialled from as always.
 */
import { createServer } from 'node:net'
import type { Connection, Transport, Upgrader } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

/** Dials from the port of another connection. @param initiator who speaks first in the handshake */
export type DialFrom = (
  address: Multiaddr,
  options: { initiator: boolean; signal: AbortSignal },
) => Promise<Connection>

const dialers = new WeakMap<Connection, DialFrom>()

/** Null where its port here is not known, as it is with those that came from elsewhere. */
export function dialerFrom(connection: Connection): DialFrom | null {
  return dialers.get(connection) ?? null
}

/** Wraps libp2p's TCP, which hands options that it does not know on to `net.connect`. */
export function fromKnownPorts<C>(
  make: (components: C) => Transport,
  { isOn = process.platform === 'linux', findPort = freePort } = {},
): (components: C) => Transport {
  return (components) => {
    const transport = make(components)
    if (!isOn) return transport
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      const localPort = await findPort().catch(() => null)
      if (localPort === null) return dial(address, options)
      const from: DialFrom = (other, given) => {
        const upgrader = given.initiator ? options.upgrader : answering(options.upgrader)
        return dial(other, { upgrader, localPort, ...given } as typeof options)
      }
      try {
        const connection = await dial(address, { ...options, localPort } as typeof options)
        dialers.set(connection, from)
        return connection
      } catch (error) {
        if (!mayNotBind(error)) throw error
        return dial(address, options)
      }
    }
    return transport
  }
}

/** Yamux takes whoever has dialled for the one that begins, and cannot talk to a second such. */
function answering(upgrader: Upgrader): Upgrader {
  const upgradeOutbound = ((connection, options) => {
    connection.direction = 'inbound'
    return upgrader.upgradeOutbound(connection, options)
  }) as Upgrader['upgradeOutbound']
  return Object.assign(Object.create(upgrader), { upgradeOutbound })
}

/** Somebody else was faster, or this process may take no port that it names. */
const mayNotBind = (error: unknown): boolean =>
  ['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'].includes(
    (error as NodeJS.ErrnoException).code ?? '',
  )

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
