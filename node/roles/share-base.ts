/**
 * A volunteer's part among those of its network: it takes the base from them and gives it to them,
 * by a host of its own with a key that is used for nothing else, on addresses of private networks.
 */
import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { tcp } from '@libp2p/tcp'
import type { BlobReference, RunId } from '../../protocol/index.ts'
import type { Log } from '../log.ts'
import { createGrowingBlob, type GrowingBlob } from '../network/growing-blob.ts'
import { createHost, type Host } from '../network/host.ts'
import type { Lan } from '../network/lan.ts'
import type { Place } from '../network/near.ts'
import { type NeighbourSource, neighbourSource } from '../network/neighbour-source.ts'
import { enterNeighbourhood } from '../network/neighbourhood.ts'
import { isFull, type Secret, type Sharing, serveShare } from '../network/share.ts'
import type { BlobStore } from '../storage/blob-store.ts'

/** The base of a run, as it is shared. */
export interface SharedBase {
  source: NeighbourSource
  growing: GrowingBlob
}

export interface BaseSharing {
  /**
   * Begins with it, once.
   * @returns null where nothing is shared, or nobody can be reached
   */
  begin(runId: RunId, base: BlobReference, coordinator: Place): Promise<SharedBase | null>
  /** Whether it gives nothing for now. */
  setPaused(isPaused: boolean): void
  stop(): Promise<void>
}

export interface BaseSharingOptions {
  /** Null: nothing is shared. */
  lan: Lan | null
  blobs: BlobStore
  isPaused: boolean
  log: Log
  /** Told of bytes that were given. */
  onMoved(bytes: number): void
}

interface Opened extends SharedBase {
  sharing: Sharing
  stop(): Promise<void>
}

export function createBaseSharing(options: BaseSharingOptions): BaseSharing {
  let { isPaused } = options
  let opening: Promise<Opened | null> | null = null

  async function open(...run: Parameters<BaseSharing['begin']>): Promise<Opened | null> {
    const [runId, base, coordinator] = run
    const listen = options.lan?.listen(coordinator) ?? []
    if (options.lan === null || listen.length === 0) return null
    try {
      return await openShared(runId, base, listen, { ...options, lan: options.lan, isPaused })
    } catch (error) {
      // The base comes from afar then.
      options.log.debug(`Nothing is shared on this network: ${(error as Error).message}`)
      return null
    }
  }

  return {
    begin: (...run) => {
      opening ??= open(...run)
      return opening
    },
    setPaused: (now) => {
      isPaused = now
      // It may be opened with what was so before.
      void opening?.then((opened) => {
        opened?.sharing.setPaused(isPaused)
        opened?.source.setPaused(isPaused)
      })
    },
    stop: async () => (await opening)?.stop(),
  }
}

async function openShared(
  runId: RunId,
  base: BlobReference,
  listen: string[],
  { lan, blobs, isPaused, onMoved }: BaseSharingOptions & { lan: Lan },
): Promise<Opened> {
  const host: Host = await createHost({
    privateKey: await generateKeyPair('Ed25519'),
    listen,
    role: 'volunteer',
    transports: [tcp()],
    connectionGater: {
      denyInboundConnection: ({ remoteAddr }) => isFull(host.getConnections(), remoteAddr),
    },
  })
  try {
    return await openOn(host, { runId, base: base.digest }, createGrowingBlob(base, blobs), {
      lan,
      isPaused,
      onMoved,
    })
  } catch (error) {
    await host.stop()
    throw error
  }
}

async function openOn(
  host: Host,
  secret: Secret,
  growing: GrowingBlob,
  { lan, isPaused, onMoved }: Pick<BaseSharingOptions, 'isPaused' | 'onMoved'> & { lan: Lan },
): Promise<Opened> {
  const sharing = await serveShare(host, { secret, growing, isPaused, onMoved })
  const { nearest } = lan
  const addresses = host.getMultiaddrs().map((one) => `${one}`.replace(/\/p2p\/.*$/, ''))
  const id = randomBytes(8).toString('hex')
  const neighbourhood = enterNeighbourhood(secret, { id, addresses }, lan.bus())
  const source = neighbourSource({ id, secret, host, neighbourhood, nearest, isPaused })
  const stop = async () => {
    neighbourhood.leave()
    await host.stop()
  }
  return { source, growing, sharing, stop }
}
