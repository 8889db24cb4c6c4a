/**
 * How a process reaches others and is reached: TCP, WebSockets on a port that serves pages, and
 * what a relay passes on.
 */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { tcp } from '@libp2p/tcp'
import type { Transports } from './host.ts'
import { RELAYED_MAX } from './limits.ts'
import { boundedWebSockets, type WebSocketsOptions } from './websockets.ts'

export function localTransports(options: WebSocketsOptions = {}): Transports {
  const relayed = circuitRelayTransport({ maxInboundStopStreams: RELAYED_MAX })
  return [tcp(), boundedWebSockets(options), relayed]
}
