/**
 * WebSockets that can be reset. libp2p resets one by closing it with code 1006, which no WebSocket
 * may send: the call throws, libp2p forgets the connection, and the socket stays open on both
 * sides, so that a peer that was cut off doesn't know and keeps its place in the process. Here a
 * reset closes it, on the server without waiting for the peer. Runs in browsers too.
 */
import type { MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { type WebSocketsComponents, webSockets } from '@libp2p/websockets'

interface ConnectionInside {
  websocket: { close(): void; terminate?: () => void }
  sendReset(): void
}

export function resettableWebSockets(): (components: WebSocketsComponents) => Transport {
  return (components) => {
    const transport = webSockets()(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, options) =>
      dial(address, { ...options, upgrader: mending(options.upgrader) })
    transport.createListener = (options) =>
      createListener({ ...options, upgrader: mending(options.upgrader) })
    return transport
  }
}

/** The upgrader is the first to see a connection, in either direction. */
function mending(upgrader: Upgrader): Upgrader {
  const mended = {
    upgradeInbound: ((connection, options) =>
      upgrader.upgradeInbound(mend(connection), options)) as Upgrader['upgradeInbound'],
    upgradeOutbound: ((connection, options) =>
      upgrader.upgradeOutbound(mend(connection), options)) as Upgrader['upgradeOutbound'],
  }
  return Object.assign(Object.create(upgrader), mended)
}

function mend(connection: MultiaddrConnection): MultiaddrConnection {
  const inside = connection as unknown as ConnectionInside
  inside.sendReset = () => {
    if (inside.websocket.terminate === undefined) inside.websocket.close()
    else inside.websocket.terminate()
  }
  return connection
}
