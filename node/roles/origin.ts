/**
 * What identities that come from the same place have in common, for bounds that count by place:
 * keyed digests of the network that they come from, and of the block that it is part of. The key
 * lives as long as the process, so the journal, which has the digests, tells nobody's address.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { blockOf, isLoopback, networkOf } from '../network/network-of.ts'

const KEY_BYTES = 32
const ORIGIN_LENGTH = 16

/** Where somebody comes from; empty where that is not known. */
export interface Origin {
  origin?: string
  block?: string
}

/** Tells where by an address as libp2p writes it. */
export function createOrigins(): (address: string) => Origin {
  const key = randomBytes(KEY_BYTES)
  const digestOf = (text: string) =>
    createHmac('sha256', key).update(text).digest('hex').slice(0, ORIGIN_LENGTH)
  return (address) => {
    const [, host] = /^\/ip[46]\/([^/]+)\//.exec(address) ?? []
    // All that a relay passes on comes from there, or that a reverse proxy on this machine lets
    // through, from here.
    const isPassedOn = address.includes('/p2p-circuit')
    if (host === undefined || isPassedOn || isLoopback(address)) return {}
    return { origin: digestOf(networkOf(host)), block: digestOf(blockOf(host)) }
  }
}
