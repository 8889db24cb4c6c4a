/**
 * A port of the router of a home that leads to this machine, asked for by NAT-PMP and, where nobody
 * answers that, by UPnP. It is asked for again as long as it is held, and given back.
 */
import { isIPv4 } from 'node:net'
import { upnpNat } from '@achingbrain/nat-port-mapper'
import { asError } from './errors.ts'
import { defaultRouter, mapByNatPmp } from './nat-pmp.ts'
import { isOfHome, ownNetworks, sharesNetwork } from './near.ts'

export interface PortMapping {
  by: 'NAT-PMP' | 'UPnP'
  /** The router's. */
  address: string
  port: number
  remove(): Promise<void>
}

export type MappingResult =
  | { status: 'mapped'; mapping: PortMapping }
  /** This machine has an address of its own in the world: there is no router to ask. */
  | { status: 'needless' }
  | { status: 'unmapped'; reason: string }

/** Long enough that a router which forgets it was not needed any more. */
const LEASE_SECONDS = 7_200
const RENEW_MS_MIN = 30_000
/** Routers answer a search within three seconds (UPnP Device Architecture 2.0, §1.3). */
const SEARCH_MS = 5_000
/** A question to all is one packet, which may get lost. */
const SEARCH_AGAIN_MS = 1_000
const UPNP_MS = 5_000

/** Asks one router for a port. Returns why there is none, in words. */
export type Way = (port: number, onLost: (reason: string) => void) => Promise<PortMapping | string>

export interface MappingOptions {
  /** Told why a mapping that was there is not renewed. */
  onLost(reason: string): void
  /** Ways to ask, one after the other. */
  ways?: readonly Way[]
  /** Networks of this machine, as `192.168.1.7/24`. */
  own?: readonly string[]
}

export async function mapPort(
  port: number,
  { onLost, ways = [byNatPmp, byUpnp], own = ownNetworks() }: MappingOptions,
): Promise<MappingResult> {
  const addresses = own.map((network) => network.split('/')[0]!)
  if (addresses.some((address) => isIPv4(address) && !isNear(address)))
    return { status: 'needless' }
  const reasons: string[] = []
  for (const way of ways) {
    const mapped = await way(port, onLost)
    if (typeof mapped !== 'string') return settle(mapped)
    reasons.push(mapped)
  }
  return { status: 'unmapped', reason: reasons.join('; ') }
}

const isNear = (address: string): boolean => address.startsWith('127.') || isOfHome(address)

/** A router behind another leads from nowhere in the world. */
async function settle(mapping: PortMapping): Promise<MappingResult> {
  if (!isNear(mapping.address)) return { status: 'mapped', mapping }
  await mapping.remove()
  const reason = `the router is itself behind another one, at ${mapping.address}`
  return { status: 'unmapped', reason }
}

const PMP_WORDS = {
  silent: 'does not answer',
  refused: 'maps no ports',
  full: 'has no port left',
} as const

const byNatPmp: Way = async (port, onLost) => {
  const address = await defaultRouter()
  if (address === null) return 'the router is not known here, so it was not asked by NAT-PMP'
  const router = { address }
  const first = await mapByNatPmp(router, port, LEASE_SECONDS)
  if (first.status !== 'mapped') return `${address} ${PMP_WORDS[first.status]} by NAT-PMP`
  const { mapping } = first
  const renew = async () => {
    const { status } = await mapByNatPmp(router, port, LEASE_SECONDS)
    if (status !== 'mapped') onLost(`${address} ${PMP_WORDS[status]} by NAT-PMP`)
  }
  // Half of what it was given for (RFC 6886, §3.3), whatever a router says.
  const renewMs = Math.max(RENEW_MS_MIN, Math.min(mapping.seconds * 500, LEASE_SECONDS * 500))
  const timer = setInterval(() => void renew(), renewMs)
  return {
    by: 'NAT-PMP',
    address: mapping.address,
    port: mapping.port,
    remove: async () => {
      clearInterval(timer)
      await mapByNatPmp(router, port, 0)
    },
  }
}

const byUpnp: Way = async (port) => {
  const ttl = LEASE_SECONDS * 1_000
  const refreshThreshold = ttl / 2
  const finder = upnpNat({ description: 'barnraise', ttl, refreshThreshold })
  let reason = 'nobody answers by UPnP'
  const search = { signal: AbortSignal.timeout(SEARCH_MS), searchInterval: SEARCH_AGAIN_MS }
  for await (const gateway of finder.findGateways(search)) {
    const own = sharesNetwork(gateway.host)
    if (gateway.family !== 'IPv4' || own === null) continue
    const signal = AbortSignal.timeout(UPNP_MS)
    try {
      const { externalHost, externalPort } = await gateway.map(port, own, {
        protocol: 'tcp',
        signal,
      })
      return {
        by: 'UPnP',
        address: externalHost,
        port: externalPort,
        remove: () => gateway.stop({ signal: AbortSignal.timeout(UPNP_MS) }),
      }
    } catch (error) {
      reason = `${gateway.host} maps no port by UPnP: ${asError(error).message}`
      await gateway.stop({ signal: AbortSignal.timeout(UPNP_MS) }).catch(() => {})
    }
  }
  return reason
}
