/**
 * A TCP proxy on loopback that does to a connection what home networks do: delay, throttle, cut,
 * and swallow.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Faults {
  /** Added to everything, in both directions. */
  delayMs: number
  /** Speed of each connection, each way. */
  bytesPerSecond: number
  /** A connection is reset when this much went up through it. */
  resetAfterBytesUp: number
  /** The same for what came down. */
  resetAfterBytesDown: number
  /** When all connections have carried so much down, `blackhole` is set. */
  blackholeAfterBytesDown: number
  /** Nothing passes any more, and nobody is told. */
  blackhole: boolean
}

export interface ChaosProxy {
  /** The target's address, through the proxy. */
  addresses: string[]
  /** May be changed at any time. */
  faults: Faults
  /** What all connections carried. */
  bytesUp: number
  bytesDown: number
  /** Connections that were reset for what they had carried. */
  cuts: number
  resetAll(): void
}

const NO_FAULTS: Faults = {
  delayMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  resetAfterBytesUp: Number.POSITIVE_INFINITY,
  resetAfterBytesDown: Number.POSITIVE_INFINITY,
  blackholeAfterBytesDown: Number.POSITIVE_INFINITY,
  blackhole: false,
}

/** @param addresses of the target; the first is proxied: `/ip4/127.0.0.1/tcp/PORT/…` */
export async function chaosProxy(
  addresses: string[],
  faults: Partial<Faults> = {},
): Promise<ChaosProxy> {
  const parts = addresses[0]?.split('/') ?? []
  const targetPort = Number(parts[4])
  const sockets = new Set<Socket>()
  const proxy: ChaosProxy = {
    addresses: [],
    faults: { ...NO_FAULTS, ...faults },
    bytesUp: 0,
    bytesDown: 0,
    cuts: 0,
    resetAll() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
  const server = createServer((client) =>
    relay(client, connect(targetPort, '127.0.0.1'), proxy, sockets),
  )
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  parts[4] = String((server.address() as AddressInfo).port)
  proxy.addresses = [parts.join('/')]
  return proxy
}

function relay(client: Socket, target: Socket, proxy: ChaosProxy, sockets: Set<Socket>): void {
  let up = 0
  let down = 0
  let isCut = false
  const isOver = () =>
    up > proxy.faults.resetAfterBytesUp || down > proxy.faults.resetAfterBytesDown

  function pass(from: Socket, to: Socket, data: Uint8Array): void {
    if (proxy.faults.blackhole || to.destroyed) return
    if (isOver()) {
      proxy.cuts += Number(!isCut)
      isCut = true
      from.resetAndDestroy()
      // A reset would take with it what has arrived there and is not read yet.
      to.end()
    } else if (!to.write(data)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  }

  function join(from: Socket, to: Socket, count: (byteCount: number) => void): void {
    sockets.add(from)
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      if (!to.writableEnded) to.destroy()
    })
    from.on('data', (data: Uint8Array) => {
      count(data.length)
      if (proxy.faults.delayMs === 0) pass(from, to, data)
      else setTimeout(() => pass(from, to, data), proxy.faults.delayMs)
      const restMs = (1000 * data.length) / proxy.faults.bytesPerSecond
      if (restMs === 0) return
      from.pause()
      setTimeout(() => from.resume(), restMs)
    })
  }

  join(client, target, (byteCount) => {
    up += byteCount
    proxy.bytesUp += byteCount
  })
  join(target, client, (byteCount) => {
    down += byteCount
    proxy.bytesDown += byteCount
    if (proxy.bytesDown > proxy.faults.blackholeAfterBytesDown) proxy.faults.blackhole = true
  })
}
