/**
 * The ways by which others come to a hosted run: the port that a router is asked for, what a relay
 * sees of it, and a tunnel.
 */
import { heard } from '../heard.ts'
import type { Addresses } from '../history/progress.ts'
import { announcedAddress } from '../network/link.ts'
import { coordinatorAt } from '../network/page-link.ts'
import { mapPort, type PortMapping } from '../network/port-mapping.ts'
import { startTunnel, type Tunnel } from '../network/tunnel.ts'
import type { CoordinatorRole } from '../roles/coordinator.ts'
import type { Lead, Ways } from '../roles/ways.ts'
import { addressesOf } from './invite.ts'
import { reachOf } from './reach.ts'
import { visible } from './terminal.ts'

export interface WaysOptions {
  port: number
  public?: boolean
  /** Where it says it is: these are believed. */
  announce?: string[]
  /** False: routers are asked for nothing. */
  mapPort?: boolean
  /** Starts what leads from elsewhere to `port`. */
  tunnel?: string
}

export interface WaysListener {
  /** Told of the ways at first, and whenever they are others. */
  announce(ways: Ways): Promise<void>
  /** Hears what was found out, as a fact for scripts and a line for people. */
  tell(fact: object, line: string): void
}

export interface OpenWays {
  /** Resolves when the ways are announced. @throws ConfigError where the tunnel leads nowhere */
  ready: Promise<void>
  /** The relay is lost that led: where another page is given away by now, that is announced. */
  moved(ways: Ways): void
  stop(): Promise<void>
}

/** @param ask how a router is asked for a port */
export function openWays(
  role: Pick<CoordinatorRole, 'coordinator' | 'leadBy' | 'askRelay'>,
  options: WaysOptions,
  listener: WaysListener,
  ask = mapPort,
): OpenWays {
  const opened: { stop(): Promise<void> }[] = []
  let isStopped = false
  let given = null as Addresses['page']
  const announce = (ways: Ways) => {
    given = pageOf(ways)
    return listener.announce(ways)
  }
  const open = async () => {
    const mapping = await mapped(options, listener, ask)
    if (mapping !== null) opened.push({ stop: mapping.remove })
    const router = await routerOf(role, options, mapping, listener)
    if (isStopped) return
    if (options.tunnel === undefined) return announce(role.leadBy(router))
    const tunnel = tunnelTo(role, router, options, { ...listener, announce })
    opened.push(tunnel)
    await tunnel.ready
  }
  const ready = heard(open())
  return {
    ready,
    moved: (ways) => {
      if (given === null || given === pageOf(ways)) return
      listener.tell({ type: 'moved' }, 'The page is reached through another relay from now on')
      announce(ways).catch(unkept(listener))
    },
    stop: async () => {
      isStopped = true
      // What is asked of a router now is given back then.
      if (opened.length === 0) await ready.catch(() => {})
      for (const one of opened) await one.stop()
    },
  }
}

const pageOf = (ways: Ways): Addresses['page'] => addressesOf(ways, '').page

const unkept =
  ({ tell }: Pick<WaysListener, 'tell'>) =>
  ({ message }: Error): void =>
    tell({ type: 'unkept', reason: message }, `The link was not kept: ${message}`)

/** The router's port that leads here; null: none does. */
async function mapped(
  { port, public: isPublic = false, mapPort: isWanted = true }: WaysOptions,
  { tell }: WaysListener,
  ask: typeof mapPort,
): Promise<PortMapping | null> {
  if (!isPublic || port === 0 || !isWanted) return null
  const onLost = (reason: string) =>
    tell({ type: 'unmapped', reason }, `The router leads here no more: ${visible(reason)}`)
  tell({ type: 'mapping', port }, 'Asking the router of this network for a port')
  const result = await ask(port, { onLost })
  if (result.status === 'needless') return null
  if (result.status === 'unmapped') {
    tell(
      { type: 'unmapped', reason: result.reason },
      `No router leads here: ${visible(result.reason)}`,
    )
    return null
  }
  const { address, port: outside, by } = result.mapping
  const line = `The router leads ${address}:${outside} here, as it was asked to by ${by}`
  tell({ type: 'mapped', address, port: outside, by }, line)
  return result.mapping
}

/**
 * The addresses of a router that lead here, as far as a relay that is asked does not deny it. The
 * relay sees one address: where it does not come back, the host's others are not believed either.
 */
async function routerOf(
  role: Pick<CoordinatorRole, 'askRelay'>,
  { port, public: isPublic = false, announce = [] }: WaysOptions,
  mapping: PortMapping | null,
  { tell }: WaysListener,
): Promise<Lead> {
  const outside = mapping?.port ?? port
  const by = (...others: string[]): Lead => ({ others, isShut: false })
  const asMapped = by(
    ...(mapping === null ? [] : [webSocketAt(`/ip4/${mapping.address}`, outside)]),
  )
  if (!isPublic || port === 0) return by()
  try {
    const answer = await role.askRelay(outside)
    if (answer === null) return asMapped
    const { reached, found, advice, router } = reachOf(answer, outside)
    tell({ type: 'reach', reached, found, advice }, `${found}${advice === '' ? '' : `: ${advice}`}`)
    if (reached === false) return { others: [], isShut: announce.length === 0 }
    return router === null ? asMapped : by(webSocketAt(router, outside))
  } catch (error) {
    const reason = (error as Error).message
    tell({ type: 'reach', reached: null, found: reason, advice: '' }, unknown(outside, reason))
    return asMapped
  }
}

/** A site that takes longer leads elsewhere, or nobody would wait for its pages. */
const LEADS_MS = 5_000

const webSocketAt = (place: string, port: number): string => `${place}/tcp/${port}/ws`

const unknown = (port: number, reason: string): string =>
  `Whether strangers reach port ${port} is not known: ${reason}`

function tunnelTo(
  { coordinator, leadBy }: Pick<CoordinatorRole, 'coordinator' | 'leadBy'>,
  router: Lead,
  { tunnel = '', port }: WaysOptions,
  { announce, tell }: WaysListener,
): Tunnel {
  let told = Promise.resolve()
  return startTunnel({
    command: tunnel,
    port,
    leadsHere: (address) =>
      coordinatorAt(new URL(address), LEADS_MS).then(
        (peer) => peer === coordinator,
        () => false,
      ),
    onAddress: (address) => {
      const others = router.others.concat(announcedAddress(address))
      const ways = leadBy({ ...router, others })
      told = told.then(() => announce(ways)).catch(unkept({ tell }))
    },
    onLost: (reason) =>
      tell(
        { type: 'tunnel', lost: reason },
        reason === null
          ? 'The tunnel leads here again'
          : `The tunnel leads here no more: ${reason}. It is tried until it does`,
      ),
  })
}
