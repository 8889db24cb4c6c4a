/**
 * A host's places at relays: as long as it has one, whoever dials the relay with its peer id is
 * passed on to it, through the connection that it keeps open. What the two say is Noise from end to
 * end; a relay sees who talks to whom, and how much. A relay that is gone is dialled again.
 *
 * Source: circuit relay v2, https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md
 */
import type { Listener } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { ConfigError, type PeerId } from '../../protocol/index.ts'
import { asError } from './errors.ts'

/** The relay's address, and why there is no place; null: there is one again. */
export type TellPlace = (relay: string, lost: string | null) => void

export interface RelayPlaces {
  start(): void
  stop(): void
  /** Takes all places that are free. @throws ConfigError when there is none anywhere */
  take(): Promise<void>
}

interface Components {
  transportManager: {
    listen(addresses: Multiaddr[]): Promise<void>
    getAddrs(): Multiaddr[]
    getListeners(): Listener[]
  }
}

const LOOK_MS = 5_000

/** A service of libp2p's. @param relays multiaddrs, each with a peer id */
export function relayPlaces(relays: readonly string[], tell: TellPlace) {
  return ({ transportManager }: Components): RelayPlaces => {
    const lost = new Set<string>()
    const listeners = new Map<string, Listener>()
    let timer: ReturnType<typeof setInterval> | undefined
    let isLooking = false

    /** Why the relay has no place for it; null: it has one. */
    async function ask(relay: string): Promise<string | null> {
      if (hasPlace(transportManager.getAddrs(), relay)) return null
      return listen(relay).then(
        () => null,
        (error) => reasonOf(asError(error)),
      )
    }

    /** libp2p makes a listener each time that it is asked, and keeps it also where it fails. */
    function listen(relay: string): Promise<void> {
      const place = multiaddr(`${relay}/p2p-circuit`)
      const known = listeners.get(relay)
      if (known !== undefined) return known.listen(place)
      const before = new Set(transportManager.getListeners())
      const listening = transportManager.listen([place])
      const made = transportManager.getListeners().find((listener) => !before.has(listener))
      if (made !== undefined) listeners.set(relay, made)
      return listening
    }

    function note(relay: string, fault: string | null): void {
      if (lost.has(relay) === (fault === null)) tell(relay, fault)
      if (fault === null) lost.delete(relay)
      else lost.add(relay)
    }

    /** Returns those that have no place for it, with the reason; a silent one holds up no other. */
    async function look(): Promise<string[]> {
      const asked = relays.map(async (relay) => {
        const fault = await ask(relay)
        note(relay, fault)
        return fault === null ? [] : [`${relay}: ${fault}`]
      })
      return (await Promise.all(asked)).flat()
    }

    return {
      start() {
        if (relays.length === 0) return
        timer = setInterval(() => {
          if (isLooking) return
          isLooking = true
          void look().finally(() => {
            isLooking = false
          })
        }, LOOK_MS)
      },
      stop: () => clearInterval(timer),
      async take() {
        const faults = await look()
        if (relays.length === 0 || faults.length < relays.length) return
        throw new ConfigError(
          `Cannot be reached through a relay as none has a place: ${faults.join('; ')}. Ask ` +
            "whoever runs it whether it is up and takes this run, or leave '--relay' out",
        )
      },
    }
  }
}

/** libp2p lists all addresses that it could not listen on: this is the one, and what it says. */
function reasonOf({ message }: Error): string {
  const [, reason = message] = /\/p2p-circuit: (?:\w*Error: )?(.*)/.exec(message) ?? []
  return reason
}

function hasPlace(listening: readonly Multiaddr[], relay: string): boolean {
  return listening.some((address) => `${address}`.includes(`/p2p/${relayOf(relay)}/p2p-circuit`))
}

function relayOf(relay: string): PeerId {
  return (
    multiaddr(relay)
      .getComponents()
      .findLast(({ name }) => name === 'p2p')?.value ?? ''
  )
}

/** Where others dial the host of this peer id. */
export function relayedAddress(relay: string, peer: PeerId): string {
  return `${relay}/p2p-circuit/p2p/${peer}`
}

/** @throws ConfigError */
export function relayAddress(text: string): string {
  try {
    const components = multiaddr(text).getComponents()
    const isRelayed = components.some(({ name }) => name === 'p2p-circuit')
    if (!isRelayed && components.at(-1)?.name === 'p2p') return multiaddr(text).toString()
  } catch {
    // It is told below, like any other that is none.
  }
  throw new ConfigError(
    "Cannot use this relay as '--relay' must be what `barnraise relay` prints, such as " +
      `/dns4/relay.example.org/tcp/443/tls/ws/p2p/12D3KooW…: it is ${text}`,
  )
}
