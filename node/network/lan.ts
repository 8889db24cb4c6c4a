/** The network that this machine is in, as a volunteer reaches others there. */
import { networkInterfaces } from 'node:os'
import makeMdns, { type MulticastDNS } from 'multicast-dns'
import { isOfHome, type Place } from './near.ts'

export interface Lan {
  /**
   * Multiaddrs to listen at, for a run whose coordinator is at such a place; none: nothing is
   * shared.
   */
  listen(coordinator: Place): string[]
  bus(): MulticastDNS
  /** Where others may be at the nearest. */
  nearest: Place
}

/** Addresses of private networks alone; who fetches from this machine already is near enough. */
export const ownLan: Lan = {
  listen: (coordinator) =>
    coordinator === 'here'
      ? []
      : Object.values(networkInterfaces())
          .flatMap((all = []) => all)
          .filter((one) => one.family === 'IPv4' && !one.internal && isOfHome(one.address))
          .map(({ address }) => `/ip4/${address}/tcp/0`),
  bus: () => makeMdns(),
  nearest: 'home',
}
