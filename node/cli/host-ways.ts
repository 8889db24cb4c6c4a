/**
 * The ways by which others come to a hosted run: it is told whether its port is reached from
 * elsewhere, and keeps a tunnel open where there is one.
 */
import { heard } from '../heard.ts'
import { announcedAddress } from '../network/link.ts'
import { coordinatorAt } from '../network/page-link.ts'
import { startTunnel, type Tunnel } from '../network/tunnel.ts'
import type { CoordinatorRole } from '../roles/coordinator.ts'
import type { Ways } from '../roles/ways.ts'
import { type Reach, reachOf } from './reach.ts'

export interface WaysOptions {
  port: number
  public?: boolean
  /** Starts what leads from elsewhere to `port`. */
  tunnel?: string
}

export interface WaysListener {
  /** Told of the ways at first, and whenever they are others. */
  announce(ways: Ways): Promise<void>
  onReach(reach: Reach): void
  say(line: string): void
}

export interface OpenWays {
  /** Resolves when the ways are announced. @throws ConfigError where the tunnel leads nowhere */
  ready: Promise<void>
  stop(): Promise<void>
}

export function openWays(
  role: CoordinatorRole,
  options: WaysOptions,
  listener: WaysListener,
): OpenWays {
  let tunnel: Tunnel | null = null
  let isStopped = false
  const open = async () => {
    const router = await routerOf(role, options, listener)
    if (isStopped) return
    if (options.tunnel === undefined) return listener.announce(role.waysBy(...router))
    tunnel = tunnelTo(role, router, options, listener)
    await tunnel.ready
  }
  return {
    ready: heard(open()),
    stop: async () => {
      isStopped = true
      await tunnel?.stop()
    },
  }
}

/** Where the router's address leads here, that address, as a relay that was asked says. */
async function routerOf(
  role: CoordinatorRole,
  { port, public: isPublic = false }: WaysOptions,
  { onReach, say }: WaysListener,
): Promise<string[]> {
  if (!isPublic || port === 0) return []
  try {
    const answer = await role.askRelay({ port, isWebSocket: true })
    if (answer === null) return []
    const reach = reachOf(answer, port)
    onReach(reach)
    return reach.router === null ? [] : [`${reach.router}/tcp/${port}/ws`]
  } catch (error) {
    say(`Whether strangers reach port ${port} is not known: ${(error as Error).message}`)
    return []
  }
}

function tunnelTo(
  { coordinator, waysBy }: CoordinatorRole,
  router: readonly string[],
  { tunnel = '', port }: WaysOptions,
  { announce, say }: WaysListener,
): Tunnel {
  let told = Promise.resolve()
  return startTunnel({
    command: tunnel,
    port,
    leadsHere: (address) =>
      coordinatorAt(new URL(address)).then(
        (peer) => peer === coordinator,
        () => false,
      ),
    onAddress: (address) => {
      const ways = waysBy(...router, announcedAddress(address))
      told = told
        .then(() => announce(ways))
        .catch((error: Error) => say(`The link was not kept: ${error.message}`))
    },
    onLost: (reason) =>
      say(
        reason === null
          ? 'The tunnel leads here again'
          : `The tunnel leads here no more: ${reason}. It is tried until it does`,
      ),
  })
}
