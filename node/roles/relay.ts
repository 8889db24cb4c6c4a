/** A relay as a role of its own: it knows no run, holds no data, and keeps nothing but its key. */
import type { RequestListener } from 'node:http'
import type { PeerId } from '../../protocol/index.ts'
import type { Log } from '../log.ts'
import { addressesOf } from '../network/addresses.ts'
import { serveDialBack } from '../network/dial-back.ts'
import { serveIntroductions } from '../network/hole-punching.ts'
import { createHost, type Host } from '../network/host.ts'
import { loadIdentity } from '../network/identity-file.ts'
import {
  type RelayCaps,
  type RelayStatus,
  relayGater,
  relayServer,
  relayStatus,
} from '../network/relay.ts'
import { localTransports } from '../network/transports.ts'

export interface RelayOptions {
  /** The file of its key: whoever has its address knows it by that. */
  identity: string
  listen: string[]
  announce: string[]
  caps: RelayCaps
  /** What its WebSocket port answers besides. @param relay its peer id */
  pages?(relay: PeerId): RequestListener
  log: Log
}

export interface RelayRole {
  /** What hosts give to `--relay`. */
  addresses: string[]
  status(): RelayStatus
  stop(): Promise<void>
}

/** @throws ConfigError where it cannot listen */
export async function startRelay(options: RelayOptions): Promise<RelayRole> {
  const { listen, announce, caps, log } = options
  const { privateKey, peerId } = await loadIdentity(options.identity)
  const onRequest = options.pages?.(peerId)
  let started: Host | null = null
  const host = await createHost({
    privateKey,
    listen,
    announce,
    role: 'relay',
    transports: localTransports({ onRequest }),
    connectionGater: relayGater(caps, () => started),
    services: { relay: relayServer(caps) },
  })
  started = host
  await serveDialBack(host)
  await serveIntroductions(host)
  host.addEventListener('connection:open', ({ detail }) =>
    log.debug(`${detail.remotePeer} is here, from ${detail.remoteAddr}`),
  )
  return {
    addresses: addressesOf(host),
    status: () => relayStatus(host),
    stop: async () => host.stop(),
  }
}
