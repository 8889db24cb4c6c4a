/**
 * Where a coordinator is, as one of its volunteers knows it: where its link says, and where it has
 * said itself since, as links last longer than tunnels and relays do. What it says is believed as
 * the connection has proved its key, and leads to that key alone.
 */
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../../protocol/index.ts'
import type { Invite } from './link.ts'

export interface Whereabouts {
  /** All addresses that may lead there, each once. */
  addresses(): string[]
  /** The newest that the coordinator names replace those that it named before. */
  hear(named: readonly string[]): void
}

export function createWhereabouts({
  addresses,
  coordinator,
}: Pick<Invite, 'addresses' | 'coordinator'>): Whereabouts {
  let newest: readonly string[] = []
  return {
    addresses: () => [...new Set([...newest, ...addresses])],
    hear: (named) => {
      newest = named.filter((address) => leadsTo(coordinator, address))
    },
  }
}

/** Names and numbers in networks alone: no sockets of this machine, and no lists of addresses. */
const IN_A_NETWORK = /^\/(ip4|ip6|dns|dns4|dns6)\/[\w.:/-]+$/

function leadsTo(coordinator: PeerId, address: string): boolean {
  if (!IN_A_NETWORK.test(address)) return false
  try {
    const last = multiaddr(address).getComponents().at(-1)
    return last?.name === 'p2p' && last.value === coordinator
  } catch {
    return false
  }
}
