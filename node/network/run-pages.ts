/**
 * The pages of a run as a program asks them: over HTTP where a user gives their address, and over
 * libp2p where it is a link, or a relay's page.
 */
import { AT, parseLink } from './link.ts'
import { findInvite } from './page-link.ts'
import { createRelayedFetch, type RelayedFetch } from './relayed-fetch.ts'
import { localTransports } from './transports.ts'

export interface RunPages {
  /** Paths are appended to it: it ends in a slash. */
  address: string
  /** What `fetch` is, for addresses below it. */
  ask(url: URL, init: RequestInit): Promise<Response>
  stop(): Promise<void>
}

/** The address of what comes over libp2p: it names no machine. */
const NOWHERE = 'http://run.invalid/'

/** @param link as people have it. @throws ConfigError when it is none */
export function runPages(link: string): RunPages {
  if (/^https?:/i.test(link) && URL.canParse(link)) {
    const page = new URL(link)
    const isRelayed = new URLSearchParams(page.hash.slice(1)).has(AT)
    if (isRelayed) return overLibp2p(async () => (await findInvite(link)).addresses)
    return overHttp(page.origin + page.pathname)
  }
  // Encrypted for the key that the link names, by whichever of its addresses leads there.
  const { addresses } = parseLink(link)
  return overLibp2p(async () => addresses)
}

const overHttp = (address: string): RunPages => ({
  address,
  ask: (url, init) => fetch(url, init),
  stop: async () => {},
})

function overLibp2p(find: () => Promise<string[]>): RunPages {
  let opened: Promise<RelayedFetch> | null = null
  return {
    address: NOWHERE,
    async ask(url, init) {
      opened ??= find().then((addresses) =>
        createRelayedFetch({ addresses: () => addresses, transports: localTransports() }),
      )
      const asking = opened.catch((error) => {
        opened = null
        throw error
      })
      return (await asking).ask(url.pathname + url.search, init)
    },
    stop: async () => {
      await (await opened?.catch(() => null))?.stop()
    },
  }
}
