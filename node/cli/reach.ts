/** Who reaches a port of this machine, in words, by what a peer elsewhere saw of it. */
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { type DialBackAnswer, LEADS_ELSEWHERE } from '../network/dial-back.ts'
import { PLACES, type Place, placeOf } from '../network/near.ts'
import { visible } from './terminal.ts'

export interface Reach {
  /** Null: it cannot be told. */
  reached: boolean | null
  found: string
  /** What to do where it is not reached. */
  advice: string
  /** A router's address that leads here, as `/ip4/192.0.2.1`. */
  router: string | null
}

/** @param own addresses of this machine */
export function reachOf(
  answer: DialBackAnswer,
  port: number,
  own: ReadonlySet<string> = ownAddresses(),
): Reach {
  switch (answer.type) {
    case 'reached': {
      const { address } = answer
      const found = `strangers reach port ${port} at ${address}`
      const router = own.has(address) ? null : `/ip${isIPv6(address) ? 6 : 4}/${address}`
      return { reached: true, found, advice: '', router }
    }
    case 'missed': {
      const { address, reason } = answer
      const isOwn = own.has(address)
      return {
        reached: false,
        found:
          `${nobodyBut(port, own)}: this machine is seen at ${address}, ` +
          `${isOwn ? 'its own address' : 'that of a router'} (${visible(reason)})`,
        advice: `${toDo(isOwn, reason)}, or use \`host --tunnel\` or \`--relay\``,
        router: null,
      }
    }
    case 'unseen':
      return {
        reached: null,
        found: `${unseenBy(port, own)}: ${FROM_THERE}`,
        advice: 'ask a relay or a run that is elsewhere',
        router: null,
      }
    case 'busy':
      return {
        reached: null,
        found: 'whoever was asked is asked by too many',
        advice: 'ask again in a minute',
        router: null,
      }
  }
}

const FROM_THERE =
  'whoever was asked is in the same network, or sees this machine through a proxy, and cannot tell'

function unseenBy(port: number, own: ReadonlySet<string>): string {
  return widestOf(own) === 'world'
    ? `whether strangers reach port ${port} is not known`
    : `only this network reaches port ${port}, unless a router leads here`
}

function nobodyBut(port: number, own: ReadonlySet<string>): string {
  const nobody = `nobody from outside reaches port ${port}`
  return widestOf(own) === 'home' ? `${nobody}, only this network` : nobody
}

function widestOf(own: ReadonlySet<string>): Place {
  const places = new Set(Array.from(own, placeOf))
  return PLACES.findLast((place) => places.has(place)) ?? 'here'
}

/** @param isOwn the address is this machine's own, not that of a router */
function toDo(isOwn: boolean, reason: string): string {
  const isElsewhere = reason === LEADS_ELSEWHERE
  if (isOwn) {
    return isElsewhere
      ? 'another program has that port: choose another one with `--port`'
      : 'let the port through the firewall'
  }
  return isElsewhere
    ? 'the router leads that port to another machine: forward it to this one, or choose another ' +
        'with `--port`'
    : 'forward the port to this machine in the router'
}

function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flat()
  return new Set(all.map((one) => one?.address).filter((address) => address !== undefined))
}
