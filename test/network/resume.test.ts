/**
 * Links break in the middle of a blob: the next attempt goes on from there, and the bytes are the
 * same.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { fetchBlob, uploadBlob } from '../../node/network/blobs.ts'
import { connect } from '../../node/network/dial.ts'
import type { BlobStore } from '../../node/storage/blob-store.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { OWN, type PartialBlob } from '../../node/storage/partial-blob.ts'
import { chunkOf } from '../../protocol/blob.ts'
import type { BlobReference } from '../../protocol/blob-reference.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { blobPair, expectStored, randomBytes } from './blob-pair.ts'
import { type ChaosProxy, chaosProxy, type Faults } from './chaos-proxy.ts'
import { addressesOf } from './hosts.ts'

const CHUNKS = 12
const BLOB = randomBytes((CHUNKS - 0.5) * BLOB_CHUNK_BYTES, 9)

const STORES = {
  memory: async () => createMemoryBlobStore(),
  file: async () => createFileBlobStore(await temporaryFolder()),
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-resume-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

interface Scene {
  proxy: ChaosProxy
  theirs: BlobStore
  mine: BlobStore
  blob: BlobReference
  /** Moves the blob over a new connection; resolves with the bytes done after each chunk. */
  move(options?: { idleTimeoutMs?: number }): Promise<number[]>
  /** The store the blob ends up in. */
  target: BlobStore
}

async function scene(
  direction: 'up' | 'down',
  kind: keyof typeof STORES,
  faults: Partial<Faults>,
  idleTimeoutMs = 30_000,
): Promise<Scene> {
  const [theirs, mine] = [await STORES[kind](), await STORES[kind]()]
  const { coordinator, volunteer } = await blobPair('tcp', { theirs, mine, idleTimeoutMs })
  const proxy = await chaosProxy(addressesOf(coordinator), faults)
  const [source, target] = direction === 'up' ? [mine, theirs] : [theirs, mine]
  const blob = await source.put(BLOB)
  const move: Scene['move'] = async (options = {}) => {
    const done: number[] = []
    const onProgress = (bytesDone: number) => void done.push(bytesDone)
    const connection = await connect(volunteer, proxy.addresses)
    if (direction === 'up') await uploadBlob(connection, 1, blob, mine, { onProgress, ...options })
    else await fetchBlob(connection, blob, mine, { onProgress, ...options })
    return done
  }
  return { proxy, theirs, mine, blob, move, target }
}

/** A third of the way. */
const cutAt = (direction: 'up' | 'down'): Partial<Faults> => ({
  [direction === 'up' ? 'resetAfterBytesUp' : 'resetAfterBytesDown']: BLOB.length / 3,
})

async function moveToTheEnd({ proxy, move }: Scene): Promise<number[]> {
  proxy.faults.resetAfterBytesUp = proxy.faults.resetAfterBytesDown = Number.POSITIVE_INFINITY
  proxy.faults.blackholeAfterBytesDown = Number.POSITIVE_INFINITY
  proxy.faults.blackhole = false
  return move()
}

for (const direction of ['up', 'down'] as const) {
  for (const kind of ['memory', 'file'] as const) {
    test(`${direction}, ${kind} store: after a reset it goes on from a later chunk`, async () => {
      const stage = await scene(direction, kind, cutAt(direction))
      await expect(stage.move()).rejects.toMatchObject({ code: 'lost' })
      const before = direction === 'up' ? stage.proxy.bytesUp : stage.proxy.bytesDown
      const done = await moveToTheEnd(stage)
      expect(done[0]).toBeGreaterThanOrEqual(2 * BLOB_CHUNK_BYTES)
      expect(done.at(-1)).toBe(BLOB.length)
      await expectStored(stage.target, BLOB)
      const after = direction === 'up' ? stage.proxy.bytesUp : stage.proxy.bytesDown
      expect(after - before).toBeLessThan(BLOB.length)
    })
  }

  test(`${direction}: many resets only delay it`, async () => {
    const stage = await scene(direction, 'memory', cutAt(direction))
    let attempts = 1
    const tryAgain = async (): Promise<number[]> =>
      stage.move().catch((error) => {
        expect(error).toMatchObject({ code: 'lost' })
        if (++attempts > 20) throw error
        return tryAgain()
      })
    await tryAgain()
    expect(attempts).toBeGreaterThan(2)
    await expectStored(stage.target, BLOB)
  })
}

test('a link that swallows everything is noticed, and what arrived before is kept', async () => {
  const stage = await scene('down', 'memory', { blackholeAfterBytesDown: BLOB.length / 2 })
  // A machine that is busy is silent for a while, too: only what is swallowed may be given up.
  await expect(stage.move({ idleTimeoutMs: 3_000 })).rejects.toMatchObject({ code: 'silent' })
  const done = await moveToTheEnd(stage)
  expect(done[0]).toBeGreaterThan(BLOB_CHUNK_BYTES)
  await expectStored(stage.target, BLOB)
})

describe('what is left on disk', () => {
  const cut = async () => {
    const folder = await temporaryFolder()
    const { coordinator, volunteer, theirs } = await blobPair('tcp')
    const proxy = await chaosProxy(addressesOf(coordinator), cutAt('down'))
    const blob = await theirs.put(BLOB)
    const fetch = async (store: BlobStore): Promise<number[]> => {
      const done: number[] = []
      const connection = await connect(volunteer, proxy.addresses)
      await fetchBlob(connection, blob, store, { onProgress: (bytesDone) => done.push(bytesDone) })
      return done
    }
    await expect(fetch(await createFileBlobStore(folder))).rejects.toMatchObject({ code: 'lost' })
    proxy.faults.resetAfterBytesDown = Number.POSITIVE_INFINITY
    return { folder, blob, fetch }
  }

  test('serves the next process', async () => {
    const { folder, fetch } = await cut()
    const restarted = await createFileBlobStore(folder)
    const done = await fetch(restarted)
    expect(done[0]).toBeGreaterThan(BLOB_CHUNK_BYTES)
    await expectStored(restarted, BLOB)
    expect(await readdir(join(folder, 'partial', 'own'))).toEqual([])
  })

  test('is not believed: what was changed is fetched again', async () => {
    const { folder, blob, fetch } = await cut()
    const file = join(folder, 'partial', 'own', blob.digest)
    const bytes = await readFile(file)
    bytes[BLOB_CHUNK_BYTES + 5]! ^= 1
    await writeFile(file, bytes)
    const store = await createFileBlobStore(folder)
    const done = await fetch(store)
    expect(done[0]).toBe(2 * BLOB_CHUNK_BYTES)
    await expectStored(store, BLOB)
  })
})

test('what is kept is checked before a place is taken that others wait for', async () => {
  const pair = await blobPair('tcp', { downloadSlots: 1, slotTimeoutMs: 500 })
  const { theirs, mine, connection } = pair
  const bytes = randomBytes(32 * BLOB_CHUNK_BYTES)
  const [blob, other] = [await theirs.put(bytes), await theirs.put(BLOB)]
  const begun = await mine.openPartial(OWN, blob)
  await begun.append(chunkOf(bytes, 0))
  await begun.close()
  const openPartial: BlobStore['openPartial'] = async (...asked) => {
    const partial = await mine.openPartial(...asked)
    const keep: PartialBlob['keep'] = async (manifest) => {
      await fetchBlob(connection, other, mine)
      return partial.keep(manifest)
    }
    return Object.create(partial, { keep: { value: keep } })
  }
  await fetchBlob(connection, blob, { ...mine, openPartial })
  await expectStored(mine, bytes)
})
