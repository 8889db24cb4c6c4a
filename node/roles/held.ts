/** What a volunteer holds of its run between effects, and how it gets bytes that it lacks. */
import type { Connection } from '@libp2p/interface'
import type { AdapterLayout } from '../../kernels/index.ts'
import {
  type BlobReference,
  type Digest,
  type LeaseId,
  ProtocolError,
  type RunConfig,
  type RunId,
} from '../../protocol/index.ts'
import { fetchBlob } from '../network/blobs.ts'
import type { BlobFile, BlobStore } from '../storage/blob-store.ts'
import { LostBytesError } from '../storage/errors.ts'
import { createMemoryBlobStore } from '../storage/memory-blob-store.ts'
import type { ParticipantWorld } from './participant-world.ts'

export interface Held {
  connection: Connection | null
  config: RunConfig | null
  runId: RunId
  layout: AdapterLayout | null
  adapter: Float32Array | null
  adapterDigest: Digest
  moment: Uint8Array | null
  /** The compute thread has a model open to score with. */
  isReading: boolean
  /** Leases whose work is to be forgotten when it ends. */
  abandoned: Set<LeaseId>
  /**
   * What a round starts from and what is handed in: of no use to the next process, nor to other
   * volunteers here, so it never takes room on the disk.
   */
  passing: BlobStore
  /** Payloads in `passing`, oldest first. */
  payloads: Digest[]
}

export function newHeld(): Held {
  return {
    connection: null,
    config: null,
    runId: '',
    layout: null,
    adapter: null,
    adapterDigest: '',
    moment: null,
    isReading: false,
    abandoned: new Set(),
    passing: createMemoryBlobStore(),
    payloads: [],
  }
}

export function connectionOf(held: Held): Connection {
  if (held.connection === null) throw new ProtocolError('silent', 'Not connected')
  return held.connection
}

/**
 * Bytes of a blob, from `store` or from the coordinator. Those that vanished from the store, which
 * others may clear, or went bad in it, are fetched again, once.
 */
export async function fetched(
  world: ParticipantWorld,
  held: Held,
  store: BlobStore,
  reference: BlobReference,
  what: string,
): Promise<Uint8Array> {
  return brought(world, held, store, reference, what, () => store.read(reference.digest))
}

/** The same, for a blob that is read piece by piece. */
export async function fetchedFile(
  world: ParticipantWorld,
  held: Held,
  store: BlobStore,
  reference: BlobReference,
  what: string,
): Promise<BlobFile> {
  return brought(world, held, store, reference, what, () => store.file(reference.digest))
}

async function brought<T>(
  world: ParticipantWorld,
  held: Held,
  store: BlobStore,
  reference: BlobReference,
  what: string,
  take: () => Promise<T>,
): Promise<T> {
  await bring(world, held, store, reference, what)
  try {
    return await take()
  } catch (error) {
    if (!(error instanceof LostBytesError)) throw error
    world.log.warn(`Fetching it again: ${error.message}`)
    await store.remove(reference.digest)
    await bring(world, held, store, reference, what)
    return take()
  }
}

async function bring(
  world: ParticipantWorld,
  held: Held,
  store: BlobStore,
  reference: BlobReference,
  what: string,
): Promise<void> {
  if (await store.has(reference.digest)) return
  await fetchBlob(connectionOf(held), reference, store, {
    onProgress: (done, total, moved) => world.onTransfer({ what, done, total, moved }),
  })
}

/** What a round started from, once it is loaded: the next round brings its own. */
export async function fetchedOnce(
  world: ParticipantWorld,
  held: Held,
  reference: BlobReference,
  what: string,
): Promise<Uint8Array> {
  const bytes = await fetched(world, held, held.passing, reference, what)
  await held.passing.remove(reference.digest)
  return bytes
}

/** Two wait to be handed in, one is made, and one may be on its way out. */
const PAYLOADS_MAX = 4

export async function keepPayload(held: Held, bytes: Uint8Array): Promise<BlobReference> {
  const payload = await held.passing.put(bytes)
  held.payloads = held.payloads.filter((digest) => digest !== payload.digest)
  held.payloads.push(payload.digest)
  // Those of leases that were lost are never handed in.
  while (held.payloads.length > PAYLOADS_MAX) await held.passing.remove(held.payloads.shift()!)
  return payload
}
