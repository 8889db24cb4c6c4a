/** How others come to a run, which may change: its link, its pages, and what its relay sees. */
import { randomBytes } from 'node:crypto'
import type { Connection } from '@libp2p/interface'
import { ADDRESS_LENGTH_MAX, type Notice, type RunId } from '../../protocol/index.ts'
import { addressesOf, type Doors } from '../network/addresses.ts'
import { askDialBack, type DialBackAnswer } from '../network/dial-back.ts'
import type { Host } from '../network/host.ts'
import { formatLink, pageAddress } from '../network/link.ts'
import type { RelayOrder } from '../network/relay-order.ts'

const NONCE_BYTES = 16

export interface Ways {
  /** What volunteers join by, unless the run takes invites alone. */
  link: string
  /** Addresses at which browsers find the pages. */
  pageAddresses: string[]
}

/** What is found out about the ways to a host while it runs. */
export type Lead = Pick<Doors, 'others' | 'isShut'>

export interface OpenWays {
  now(): Ways
  /** They lead by its others besides from now on. */
  leadBy(lead: Lead): Ways
  /** What those who are here are told, so that they come back by ways newer than their link. */
  notice(): Notice
}

export function openWays(
  host: Host,
  { runId, token }: { runId: RunId; token: string },
  relays: RelayOrder,
): OpenWays {
  let lead: Lead = { others: [], isShut: false }
  const addressesBy = (named: readonly string[], isAway: boolean) =>
    addressesOf(host, { relays: named, ...lead, isAway })
  const now = () => {
    const addresses = addressesBy(relays.all(), false)
    const pages = addressesBy(relays.leading(), false)
    const pageAddresses = pages.map(pageAddress).filter((address) => address !== null)
    return { link: formatLink({ addresses, run: runId, token }), pageAddresses }
  }
  return {
    now,
    leadBy: (given) => {
      lead = given
      return now()
    },
    notice: () => {
      const addresses = addressesBy(relays.all(), true)
      const isShort = ({ length }: string) => length <= ADDRESS_LENGTH_MAX
      return { type: 'addresses', addresses: addresses.filter(isShort) }
    },
  }
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
