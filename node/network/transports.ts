/**
 * How a process reaches others and is reached: TCP, WebSockets on a port that serves pages, and
 * what a relay passes on.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { tcp } from '@libp2p/tcp'
import { ADDRESSES_MAX } from '../../protocol/index.ts'
import type { Transports } from './host.ts'
import { fromKnownPorts } from './known-ports.ts'
import { RELAYED_MAX } from './limits.ts'
import { boundedWebSockets, type WebSocketsOptions } from './websockets.ts'

export function localTransports(options: WebSocketsOptions = {}): Transports {
  const relayed = circuitRelayTransport({
    maxInboundStopStreams: RELAYED_MAX,
    // libp2p forgets all places that wait when one is taken or renewed, so none may wait.
    reservationConcurrency: ADDRESSES_MAX,
  })
  return [fromKnownPorts(tcp()), boundedWebSockets(options), relayed]
}
