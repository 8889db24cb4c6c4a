/**
 * Where a host listens, on all of its interfaces. libp2p's own list leaves those addresses out that
 * are of the whole world until peers have confirmed them by AutoNAT, which we don't run, so on a
 * rented machine it would have none that others can use.
 */
import type { Multiaddr } from '@multiformats/multiaddr'

export interface Listening {
  /** Multiaddrs without a peer id: those to announce where there are any, else its own. */
  addresses(): string[]
}

interface Components {
  transportManager: { getAddrs(): Multiaddr[] }
}

/** A service of libp2p's. */
export function listening(announce: readonly string[]) {
  return ({ transportManager }: Components): Listening => ({
    addresses: () =>
      announce.length > 0 ? announce.slice() : transportManager.getAddrs().map(String),
  })
}
