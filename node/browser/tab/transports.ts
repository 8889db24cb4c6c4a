/** How a page reaches others: by WebSockets, and through relays. */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import type { ConnectionGater } from '@libp2p/interface'
import type { Transports } from '../../network/host.ts'
import { resettableWebSockets } from '../../network/websocket-reset.ts'
import { mayDial } from './may-dial.ts'

export const tabTransports = (): Transports => [resettableWebSockets(), circuitRelayTransport()]

/** libp2p's own refuses addresses of the own network to browsers. */
export const tabGater: ConnectionGater = {
  denyDialMultiaddr: (address) => !mayDial(`${address}`, location.protocol),
}
