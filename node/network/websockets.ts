/**
 * WebSockets whose listener doesn't wait for ever. libp2p's own neither counts nor times out a
 * socket until its HTTP upgrade, so that a few thousand silent sockets exhaust the process; and it
 * takes messages of 100 MiB from strangers. Both are bounded here, through fields of the listener
 * that its types don't show.
 */
import type { Server as HttpServer, IncomingMessage, RequestListener } from 'node:http'
import { Server, type Socket } from 'node:net'
import type { Transport } from '@libp2p/interface'
import type { WebSocketsComponents } from '@libp2p/websockets'
import { assert } from '../../protocol/errors.ts'
import { HANDSHAKE_TIMEOUT_MS, WEBSOCKET_MESSAGE_BYTES_MAX } from './limits.ts'
import { resettableWebSockets } from './websocket-reset.ts'

interface ListenerInside {
  server?: unknown
  http?: HttpServer
  wsServer?: { options?: { maxPayload?: number } }
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

const upgradeTimers = new WeakMap<Socket, ReturnType<typeof setTimeout>>()

function boundListener({ server, wsServer }: ListenerInside, timeoutMs: number): void {
  assert(server instanceof Server, 'a WebSocket listener has a net.Server')
  assert(wsServer?.options !== undefined, 'a WebSocket listener has a ws server')
  wsServer.options.maxPayload = WEBSOCKET_MESSAGE_BYTES_MAX
  server.on('connection', (socket) => {
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    upgradeTimers.set(socket, timer)
    socket.once('close', () => clearTimeout(timer))
  })
}

/**
 * From the upgrade on, libp2p's own handshake timeout holds; before it, a request that is whole is
 * given to `onRequest`, and what comes after it is bounded by the server's own timeouts.
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
