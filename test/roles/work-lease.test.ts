/** A volunteer whose store fails it: what vanished is fetched again, a full disk is told. */
import * as fileSystem from 'node:fs/promises'
import { truncate } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { fetched, type Held, keepPayload, newHeld } from '../../node/roles/held.ts'
import type { NewParticipantEvent } from '../../node/roles/participant-shell.ts'
import type { ParticipantWorld } from '../../node/roles/participant-world.ts'
import { startTraining } from '../../node/roles/work-lease.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import type { BlobStore } from '../../node/storage/blob-store.ts'
import { createFileBlobStore } from '../../node/storage/file-blob-store.ts'
import type { Lease, RoundStart } from '../../protocol/messages.ts'
import { blobPair, randomBytes } from '../network/blob-pair.ts'
import { silentLog } from '../silent-log.ts'
import { temporaryFolder } from '../storage/folder.ts'
import { prepareSmallRun } from './swarm.ts'

interface Scene {
  world: ParticipantWorld
  held: Held
  /** Resolves with the first event that is fed. */
  fed: Promise<NewParticipantEvent>
  theirs: BlobStore
}

/** A volunteer that is connected, and whose own blobs are in `blobs`. */
async function scene(blobs: BlobStore, theirs?: BlobStore): Promise<Scene> {
  const pair = await blobPair('memory', theirs && { theirs })
  const fed = Promise.withResolvers<NewParticipantEvent>()
  const world = { blobs, log: silentLog, onTransfer: () => {}, feed: fed.resolve }
  const held = { ...newHeld(), connection: pair.connection }
  return {
    world: world as unknown as ParticipantWorld,
    held,
    fed: fed.promise,
    theirs: pair.theirs,
  }
}

describe('what the own store has lost is fetched again', () => {
  for (const [how, lose] of [
    ['removed by another process', (path: string) => fileSystem.rm(path)],
    ['cut short', (path: string) => truncate(path, 100)],
  ] as const) {
    test(how, async () => {
      const blobs = await createFileBlobStore(await temporaryFolder())
      const { world, held, theirs } = await scene(blobs)
      const bytes = randomBytes(1_000)
      const blob = await theirs.put(bytes)
      expect(await fetched(world, held, blobs, blob, 'data')).toEqual(bytes)
      await lose(blobs.path(blob.digest))
      // It was still there when it was looked for.
      let looks = 0
      const late = {
        ...blobs,
        has: async (digest: string) => looks++ === 0 || (await blobs.has(digest)),
      }
      expect(await fetched(world, held, late, blob, 'data')).toEqual(bytes)
    })
  }
})

test('a disk that is full is the reason that a training failed', async () => {
  const run = await prepareSmallRun()
  const { config } = await readRunConfig(run)
  const open: typeof fileSystem.open = () =>
    Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
  const files = { ...fileSystem, open }
  const full = await createFileBlobStore(await temporaryFolder(), { fileSystem: files })
  const { world, held, fed } = await scene(full, await createFileBlobStore(run.blobs))
  held.config = config
  const lease = { leaseId: 3, firstBatch: 0, steps: 1 } as Lease
  startTraining(world, held, { type: 'train', lease, start: {} as RoundStart })
  expect(await fed).toEqual({
    type: 'training-failed',
    leaseId: 3,
    cause: 'machine',
    reason: expect.stringContaining('the disk is full. Free some space and go on'),
  })
})

test('payloads that are never handed in do not pile up', async () => {
  const held = newHeld()
  for (let index = 0; index < 20; index++) await keepPayload(held, Uint8Array.of(index))
  const newest = await Promise.all(
    [19, 18, 17, 16].map(async (index) => (await keepPayload(held, Uint8Array.of(index))).digest),
  )
  expect(await held.passing.list()).toEqual(newest.sort())
})
