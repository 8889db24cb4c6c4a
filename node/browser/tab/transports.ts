/** How a page reaches others: by WebSockets, and through relays. */
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import type { ConnectionGater } from '@libp2p/interface'
import type { Transports } from '../../network/host.ts'
import { resettableWebSockets } from '../../network/websocket-reset.ts'

export const tabTransports = (): Transports => [resettableWebSockets(), circuitRelayTransport()]

/** Browsers refuse addresses of the own network unless told otherwise. */
export const tabGater: ConnectionGater = { denyDialMultiaddr: () => false }
