/** How others come to a run: its link, its pages, and what its relay sees of it. */
import { randomBytes } from 'node:crypto'
import type { Connection } from '@libp2p/interface'
import type { RunId } from '../../protocol/index.ts'
import { addressesOf, type Doors } from '../network/addresses.ts'
import { askDialBack, type DialBackAnswer } from '../network/dial-back.ts'
import type { Host } from '../network/host.ts'
import { formatLink, pageAddress } from '../network/link.ts'

const NONCE_BYTES = 16

export interface Ways {
  /** What volunteers join by, unless the run takes invites alone. */
  link: string
  /** Addresses at which browsers find the pages. */
  pageAddresses: string[]
}

export function waysTo(
  host: Host,
  { runId, token }: { runId: RunId; token: string },
  doors: Doors,
): Ways {
  const addresses = addressesOf(host, doors)
  const pageAddresses = addresses.map(pageAddress).filter((address) => address !== null)
  return { link: formatLink({ addresses, run: runId, token }), pageAddresses }
}

/** What the first of its relays sees of a port here; null: none is there. */
export async function askRelay(
  host: Host,
  relays: readonly string[],
  port: number,
): Promise<DialBackAnswer | null> {
  const isRelay = ({ remotePeer }: Connection) =>
    relays.some((relay) => relay.endsWith(`/p2p/${remotePeer}`))
  const connection = host.getConnections().find(isRelay)
  if (connection === undefined) return null
  return askDialBack(connection, { port, nonce: randomBytes(NONCE_BYTES).toString('hex') })
}
