/**
 * A port of the router of a home that leads to this machine, asked for by NAT-PMP and, where nobody
 * answers that, by UPnP. It is asked for again as long as it is held, and given back.
 */
import { isIPv4 } from 'node:net'
import { asError } from './errors.ts'
import { defaultRouter, mapByNatPmp } from './nat-pmp.ts'
import { isOfHome, ownNetworks } from './near.ts'
import { addMapping, deleteMapping, externalAddress, findGateways, type Gateway } from './upnp.ts'

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
const RENEW_MS_MAX = LEASE_SECONDS * 500
/** Ports are tried from the asked one on, where others have them. */
const PORTS_TRIED = 4

/** Asks one router for a port. Returns why there is none, in words. */
export type Way = (port: number, onLost: (reason: string) => void) => Promise<PortMapping | string>

export interface MappingOptions {
  /** Told why a mapping that was there is not renewed, or leads from elsewhere. */
  onLost(reason: string): void
  /** Ways to ask, one after the other. */
  ways?: readonly Way[]
  /** Networks of this machine, as `192.168.1.7/24`. */
  own?: readonly string[]
}

/** It fails for no router: what one does wrong is a reason. */
export async function mapPort(
  port: number,
  { onLost, ways = [byNatPmp, byUpnp], own = ownNetworks() }: MappingOptions,
): Promise<MappingResult> {
  const addresses = own.map((network) => network.split('/')[0]!)
  if (addresses.some((address) => isIPv4(address) && !isNear(address)))
    return { status: 'needless' }
  const reasons: string[] = []
  for (const way of ways) {
    const mapped = await way(port, onLost).catch((error) => asError(error).message)
    if (typeof mapped !== 'string') return settle(mapped)
    reasons.push(mapped)
  }
  return { status: 'unmapped', reason: reasons.join('; ') }
}

const isNear = (address: string): boolean => address.startsWith('127.') || isOfHome(address)

/** A router says what it likes; and one behind another leads from nowhere in the world. */
async function settle(mapping: PortMapping): Promise<MappingResult> {
  const { address, port } = mapping
  const isPort = Number.isInteger(port) && port > 0 && port < 65_536
  const isAddress = isIPv4(address) && !address.startsWith('0.')
  if (isAddress && isPort && !isNear(address)) return { status: 'mapped', mapping }
  await mapping.remove().catch(() => {})
  const reason =
    isAddress && isPort
      ? `the router is itself behind another one, at ${address}`
      : 'the router does not say from where it leads here'
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
    const again = await mapByNatPmp(router, port, LEASE_SECONDS)
    if (again.status !== 'mapped') return `${address} ${PMP_WORDS[again.status]} by NAT-PMP`
    return elsewhere(mapping, again.mapping)
  }
  // Half of what it was given for (RFC 6886, §3.3), whatever a router says.
  const stop = renewing(renew, mapping.seconds * 500, onLost)
  const remove = async () => {
    stop()
    await mapByNatPmp(router, port, 0)
  }
  return { by: 'NAT-PMP', address: mapping.address, port: mapping.port, remove }
}

const byUpnp: Way = async (port, onLost) => {
  let reason = 'nobody answers by UPnP'
  for await (const gateway of findGateways()) {
    const mapped = await mappedBy(gateway, port)
    if (typeof mapped === 'string') {
      reason = mapped
      continue
    }
    const { address, outside } = mapped
    const renew = async () => {
      const again = await addMapping(gateway, { outside, inside: port }, LEASE_SECONDS)
      if (again.status === 'refused') return `${gateway.router} refuses it (UPnP ${again.code})`
      const now = await externalAddress(gateway)
      return elsewhere({ address, port: outside }, { address: now, port: outside })
    }
    const stop = renewing(renew, RENEW_MS_MAX, onLost)
    const remove = async () => {
      stop()
      await deleteMapping(gateway, outside).catch(() => {})
    }
    return { by: 'UPnP', address, port: outside, remove }
  }
  return reason
}

/** Takes the first port that the router gives. Returns why it gives none, in words. */
async function mappedBy(
  gateway: Gateway,
  port: number,
): Promise<{ address: string; outside: number } | string> {
  let reason = ''
  for (let outside = port; outside < Math.min(port + PORTS_TRIED, 65_536); outside++) {
    const answer = await addMapping(gateway, { outside, inside: port }, LEASE_SECONDS)
    if (answer.status === 'mapped') return { address: await externalAddress(gateway), outside }
    reason = `${gateway.router} maps no port (UPnP ${answer.code})`
  }
  return reason
}

type Place = Pick<PortMapping, 'address' | 'port'>

/** Why the link is wrong that has the first; null: it is not. */
function elsewhere(before: Place, now: Place): string | null {
  if (before.address === now.address && before.port === now.port) return null
  return `it leads here from ${now.address}:${now.port} now; start the host again for its link`
}

/** Asks again and again, and tells what is wrong once. Returns how to stop. */
function renewing(
  renew: () => Promise<string | null>,
  everyMs: number,
  onLost: (reason: string) => void,
): () => void {
  let told: string | null = null
  const tick = async () => {
    const reason = await renew().catch((error) => asError(error).message)
    if (reason !== null && reason !== told) onLost(reason)
    told = reason
  }
  const timer = setInterval(
    () => void tick(),
    Math.max(RENEW_MS_MIN, Math.min(everyMs, RENEW_MS_MAX)),
  )
  return () => clearInterval(timer)
}
