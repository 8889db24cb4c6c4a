/** How a process reaches others and is reached: TCP, and WebSockets on a port that serves pages. */
import { tcp } from '@libp2p/tcp'
import type { Transports } from './host.ts'
import { boundedWebSockets, type WebSocketsOptions } from './websockets.ts'

export function localTransports(options: WebSocketsOptions = {}): Transports {
  return [tcp(), boundedWebSockets(options)]
}
