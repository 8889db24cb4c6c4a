/**
 * WebSockets whose listener doesn't wait for ever. libp2p's own neither counts nor times out a
 * socket until its HTTP upgrade, so that a few thousand silent sockets exhaust the process; it
 * takes messages of 100 MiB from strangers; and it doesn't listen for the errors of a socket, so
 * that one broken frame of a stranger would end the process. All are bounded here, through fields
 * of the listener that its types don't show.
 */

import dns from 'node:dns'
import type { EventEmitter } from 'node:events'
import type { Server as HttpServer, IncomingMessage, RequestListener } from 'node:http'
import { Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Transport } from '@libp2p/interface'
import type { WebSocketsComponents } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import { assert } from '../../protocol/index.ts'
import { HANDSHAKE_TIMEOUT_MS, WEBSOCKET_MESSAGE_BYTES_MAX } from './limits.ts'
import { resettableWebSockets } from './websocket-reset.ts'

interface ListenerInside {
  server?: unknown
  http?: HttpServer
  wsServer?: {
    options?: { maxPayload?: number }
    handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Buffer,
      onOpen: (opened: EventEmitter, request: IncomingMessage) => void,
    ): void
  }
}

export interface WebSocketsOptions {
  /** Longest time from a socket's opening to its first request or HTTP upgrade. */
  timeoutMs?: number | undefined
  /** Answers what is no upgrade, so that pages and swarm share a port; by default nothing does. */
  onRequest?: RequestListener | undefined
}

export function boundedWebSockets({
  timeoutMs = HANDSHAKE_TIMEOUT_MS,
  onRequest,
}: WebSocketsOptions = {}): (components: WebSocketsComponents) => Transport {
  return (components) => {
    const transport = resettableWebSockets()(components)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      try {
        return await dial(address, options)
      } catch (error) {
        // Of what fails below it, a WebSocket tells nothing.
        if (error instanceof Event) await lookUp(address)
        throw error
      }
    }
    const createListener = transport.createListener.bind(transport)
    transport.createListener = (options) => {
      const listener = createListener(options)
      boundListener(listener as ListenerInside, timeoutMs)
      const listen = listener.listen.bind(listener)
      listener.listen = async (address) => {
        await listen(address)
        boundHttp(listener as ListenerInside, onRequest)
      }
      return listener
    }
    return transport
  }
}

/** @throws Error with the resolver's code when the address has a name that leads nowhere */
async function lookUp(address: Multiaddr): Promise<void> {
  const [host] = address.getComponents()
  if (host?.name.startsWith('dns') && host.value !== undefined)
    await dns.promises.lookup(host.value)
}

const upgradeTimers = new WeakMap<Socket, ReturnType<typeof setTimeout>>()

function boundListener({ server, wsServer }: ListenerInside, timeoutMs: number): void {
  assert(server instanceof Server, 'a WebSocket listener has a net.Server')
  assert(wsServer?.options !== undefined, 'a WebSocket listener has a ws server')
  wsServer.options.maxPayload = WEBSOCKET_MESSAGE_BYTES_MAX
  const handleUpgrade = wsServer.handleUpgrade.bind(wsServer)
  wsServer.handleUpgrade = (request, socket, head, onOpen) =>
    handleUpgrade(request, socket, head, (opened, given) => {
      // It closes by itself then, which is what libp2p listens for.
      opened.on('error', () => {})
      onOpen(opened, given)
    })
  server.on('connection', (socket) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    upgradeTimers.set(socket, timer)
    socket.once('close', () => clearTimeout(timer))
  })
}

/**
 * A request that is whole is given to `onRequest`, and what comes after it is bounded by the
 * server's own timeouts; once it is upgraded, libp2p's handshake timeout holds.
 */
function boundHttp({ http }: ListenerInside, onRequest: RequestListener | undefined): void {
  const settle = ({ socket }: IncomingMessage) => clearTimeout(upgradeTimers.get(socket))
  http?.on('upgrade', settle)
  if (http === undefined || onRequest === undefined) return
  http.removeAllListeners('request')
  http.on('request', (request, response) => {
    settle(request)
    onRequest(request, response)
  })
}
