/**
 * The libp2p host of one process or page. Volunteers only dial, coordinators listen; all speak
 * Noise and yamux, over TCP or WebSockets. There is no datastore (a slow one lets streams overflow
 * before their handler runs), no pubsub and no DHT: every peer is connected to the coordinator
 * anyway.
 *
 * libp2p's defaults are made for a few hundred mutual strangers. Each one changed here failed
 * first, at 57 connections from one address, 10 silent sockets, 300 connections or one slow ping.
 */

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { AddressSorter, ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { ADDRESSES_MAX, JOIN_TIMEOUT_MS, type PeerId } from '../../protocol/index.ts'
import { guardConnections } from './connection-guard.ts'
import * as limits from './limits.ts'
import { listenError } from './listen-error.ts'
import { type Listening, listening } from './listening.ts'
import { relayPlaces, type TellPlace } from './relay-places.ts'

export type Host = Libp2p<{ listening: Listening }>

export type Transports = NonNullable<Libp2pOptions['transports']>

export interface HostOptions {
  privateKey: PrivateKey
  /** Multiaddrs; port 0 takes a free one. */
  listen: string[]
  /**
   * The addresses to tell others, where they differ from `listen` (behind NAT or a reverse proxy).
   */
  announce?: string[]
  role: 'coordinator' | 'volunteer' | 'relay'
  /** Relays that it is to be reached through, each with a peer id. */
  relays?: readonly string[]
  /** Told of a relay that has no place for it any more, and has one again. */
  onRelay?: TellPlace
  /** What a relay does besides. */
  services?: Libp2pOptions['services']
  connectionGater?: ConnectionGater
  /** Decides in which order the addresses of a peer are dialled. */
  addressSorter?: AddressSorter
  /** How peers reach each other: what the platform can. */
  transports: Transports
  /** Whether a peer has joined; a connection whose peer has not after `joinTimeoutMs` is closed. */
  isMember?: (peer: PeerId) => boolean
  joinTimeoutMs?: number
}

/** A started host. @throws ConfigError where it cannot listen */
export async function createHost(options: HostOptions): Promise<Host> {
  const { privateKey, listen, announce = [], connectionGater, isMember, relays = [] } = options
  const { addressSorter } = options
  const host = await createLibp2p({
    privateKey,
    addresses: { listen, announce },
    transports: options.transports,
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        // Whoever comes through a relay is a stream of the connection to it.
        maxInboundStreams:
          limits.STREAMS_PER_CONNECTION_MAX + (relays.length > 0 ? limits.RELAYED_MAX : 0),
        streamOptions: {
          maxStreamWindowSize: limits.STREAM_WINDOW_BYTES_MAX,
          maxReadBufferLength: limits.STREAM_BUFFER_BYTES_MAX,
        },
      }),
    ],
    connectionManager: {
      maxConnections: limits.CONNECTIONS_MAX,
      // Those of a link, and those that the coordinator has named since.
      maxPeerAddrsToDial: 2 * ADDRESSES_MAX,
      inboundConnectionThreshold: limits.CONNECTIONS_PER_ADDRESS_AND_SECOND_MAX,
      maxIncomingPendingConnections: limits.CONNECTIONS_PENDING_MAX,
      inboundUpgradeTimeout: limits.HANDSHAKE_TIMEOUT_MS,
      ...(addressSorter === undefined ? {} : { addressSorter }),
    },
    connectionMonitor: {
      pingInterval: limits.PING_INTERVAL_MS,
      pingTimeout: { minTimeout: limits.PING_TIMEOUT_MS },
      // A volunteer knows a dead link by the coordinator's heartbeats.
      abortConnectionOnPingFailure: options.role !== 'volunteer',
    },
    ...(connectionGater === undefined ? {} : { connectionGater }),
    services: {
      identify: identify(),
      ping: ping(),
      listening: listening(announce),
      places: relayPlaces(relays, options.onRelay ?? (() => {})),
      ...options.services,
    },
  }).catch((error: Error) => {
    throw listenError(error)
  })
  guardConnections(host, {
    ...(isMember === undefined ? {} : { isMember }),
    joinTimeoutMs: options.joinTimeoutMs ?? JOIN_TIMEOUT_MS,
  })
  await host.services.places.take().catch(async (error) => {
    await host.stop()
    throw error
  })
  return host
}
