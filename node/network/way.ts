/** Which way a connection takes to its peer. This runs in browsers too. */
import type { Connection } from '@libp2p/interface'

/** Directly; directly after the two have met at a relay (hole punching); or through the relay. */
export const WAYS = ['direct', 'hole punching', 'relayed'] as const
export type Way = (typeof WAYS)[number]

const punched = new WeakSet<Connection>()

/** Its peer and this process dialled each other. */
export function notePunched(connection: Connection): Connection {
  punched.add(connection)
  return connection
}

export function wayOf(connection: Connection): Way {
  if (`${connection.remoteAddr}`.includes('/p2p-circuit')) return 'relayed'
  return punched.has(connection) ? 'hole punching' : 'direct'
}
