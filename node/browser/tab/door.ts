/**
 * The way from a page to its run: the server that the page came from or, where that is a relay,
 * through the relay. Workers are told which it is, and ask by themselves.
 */
import type { RelayedFetch } from '../../network/relayed-fetch.ts'

export interface Door {
  /** The address of the page: it ends in a slash. */
  address: string
  /** Multiaddrs of the coordinator where a relay serves the page; else none. */
  relayed: string[]
}

export type Ask = (url: string | URL, init?: RequestInit) => Promise<Response>

/**
 * What `fetch` is, by that way.
 * @param newest the addresses that the coordinator has by now, where those may be others
 */
export function askThrough({ address, relayed }: Door, newest = () => relayed): Ask {
  if (relayed.length === 0) return (url, init) => fetch(url, init)
  let opened: Promise<RelayedFetch> | null = null
  return async (url, init) => {
    // Most pages come from the coordinator itself, and need none of it.
    opened ??= import('./relayed.ts').then(({ openRelayed }) => openRelayed(newest))
    const path = `/${new URL(url, address).href.slice(address.length)}`
    return (await opened).ask(path, init)
  }
}
