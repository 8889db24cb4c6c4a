/**
 * A relay: passes bytes between hosts that nobody reaches and those who dial them. libp2p's own
 * limits of a relayed connection, 128 KiB and two minutes, are made for finding each other; these
 * are made for training. Who runs a relay says what it takes on.
 */
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import type { Connection, ConnectionGater, PeerId as Libp2pPeer } from '@libp2p/interface'
import type { Host } from './host.ts'
import { placeOfPeer } from './network-of.ts'

export interface RelayCaps {
  /** Peer ids of hosts that may have a place; null: all may. */
  allowed: ReadonlySet<string> | null
  /** Hosts at the same time. */
  hostsMax: number
  /** Volunteers of one host at the same time, those of one address, and those of all. */
  perHostMax: number
  perAddressMax: number
  relayedMax: number
}

const HOP = '/libp2p/circuit/relay/0.2.0/hop'
const STOP = '/libp2p/circuit/relay/0.2.0/stop'
/** A host renews its place before that; one that is gone without a word keeps it so long. */
const PLACE_MS = 30 * 60_000

export function relayServer({ hostsMax, perHostMax }: RelayCaps) {
  return circuitRelayServer({
    maxInboundHopStreams: perHostMax,
    maxOutboundStopStreams: perHostMax,
    reservations: { maxReservations: hostsMax, reservationTtl: PLACE_MS, applyDefaultLimit: false },
  })
}

/** Asked before anything is passed on. @param host known once it has started */
export function relayGater(caps: RelayCaps, host: () => Host | null): ConnectionGater {
  const count = (connections: readonly Connection[], protocol: string) =>
    connections.reduce(
      (sum, { streams }) => sum + streams.filter((stream) => stream.protocol === protocol).length,
      0,
    )
  const placeOf = ({ remoteAddr }: Connection) => placeOfPeer(remoteAddr.toString())
  const connectionsOf = (peer?: Libp2pPeer) => host()?.getConnections(peer) ?? []
  return {
    denyInboundRelayReservation: (peer) => !(caps.allowed?.has(peer.toString()) ?? true),
    denyOutboundRelayedConnection: (source, destination) => {
      // What a reverse proxy on this machine lets through comes from here, whoever it is.
      const places = new Set<string | null>(connectionsOf(source).map(placeOf))
      places.delete(null)
      const near = connectionsOf().filter((connection) => places.has(placeOf(connection)))
      return (
        count(connectionsOf(destination), STOP) >= caps.perHostMax ||
        count(connectionsOf(), STOP) >= caps.relayedMax ||
        // The one that asks is among them.
        count(near, HOP) > caps.perAddressMax
      )
    },
  }
}

export interface RelayStatus {
  hosts: number
  relayed: number
}

/** How much is passed on now. */
export function relayStatus(host: Host): RelayStatus {
  const held = host.getConnections().map(({ remotePeer, streams }) => ({
    peer: remotePeer.toString(),
    relayed: streams.filter(({ protocol }) => protocol === STOP).length,
  }))
  const busy = held.filter(({ relayed }) => relayed > 0)
  return {
    hosts: new Set(busy.map(({ peer }) => peer)).size,
    relayed: busy.reduce((sum, { relayed }) => sum + relayed, 0),
  }
}
