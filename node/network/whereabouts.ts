/**
 * Where a coordinator is, as one of its volunteers knows it: where its link says, and where it has
 * said itself since, as links last longer than tunnels and relays do. What it says is believed as
 * the connection has proved its key, and leads to that key alone.
 */
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../../protocol/index.ts'
import type { Invite } from './link.ts'

/** What a coordinator has said of where it is. */
export interface Told {
  /** Multiaddrs. */
  addresses: readonly string[]
  /** The multiaddr of the connection by which it said so. */
  from: string
}

export interface Whereabouts {
  /** All addresses that may lead there, each once. */
  addresses(): string[]
  /** Those of them to be dialled now, in that order. */
  toDial(): Promise<string[]>
  /** The newest that the coordinator names replace those that it named before. */
  hear(told: Told): void
  /** The newest that it heard; null: it heard none. */
  told(): Told | null
}

export interface WhereaboutsOptions {
  /** What it had heard when it was here the last time, which comes after the link. */
  kept?: Told | null
  /** Whether an address that was told may be dialled. */
  mayLead?(address: string, from: string): boolean | Promise<boolean>
}

export function createWhereabouts(
  { addresses, coordinator }: Pick<Invite, 'addresses' | 'coordinator'>,
  { kept = null, mayLead = () => true }: WhereaboutsOptions = {},
): Whereabouts {
  const ofCoordinator = (told: Told): Told => ({
    ...told,
    addresses: told.addresses.filter((address) => leadsTo(coordinator, address)),
  })
  const old = kept === null ? null : ofCoordinator(kept)
  let newest: Told | null = null
  const told = () => newest ?? old
  const inOrder = (named: readonly string[]) =>
    newest === null ? [...addresses, ...named] : [...named, ...addresses]
  return {
    addresses: () => [...new Set(inOrder(told()?.addresses ?? []))],
    toDial: async () => {
      const { addresses: named, from } = told() ?? { addresses: [], from: '' }
      const may = await Promise.all(named.map((address) => mayLead(address, from)))
      return [...new Set(inOrder(named.filter((_, index) => may[index])))]
    },
    hear: (heard) => {
      newest = ofCoordinator(heard)
    },
    told,
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
