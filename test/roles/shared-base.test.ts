/** Volunteers of one network fetch the base from afar once, and give it to each other. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Lan } from '../../node/network/lan.ts'
import type { LocalVolunteerOptions } from '../../node/roles/local-volunteer.ts'
import { createBaseSharing } from '../../node/roles/share-base.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { blobPath } from '../../node/storage/blob-path.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { Bus } from '../network/bus.ts'
import { mirrorServer } from '../network/mirror-server.ts'
import { silentLog } from '../silent-log.ts'
import { type Hosted, hostRun, joinRun, prepareSmallRun } from './swarm.ts'

/** They look for each other for a second or two. */
const PATIENT = { timeout: 60_000 }

/** This machine in the place of a network. */
function loopback(): Lan {
  const bus = new Bus()
  return { listen: () => ['/ip4/127.0.0.1/tcp/0'], bus: () => bus.end(), nearest: 'here' }
}

const hosting = async (maxSteps: number) => {
  const run = await prepareSmallRun({ max_steps: maxSteps }, { round_batches: 8 })
  const { bytes } = (await readRunConfig(run)).config.base.weights
  return { run, bytes, hosted: await hostRun(run) }
}

/** Joins, and tells when all of the base is here. */
async function volunteer(
  run: RunFolder,
  { link }: Hosted,
  name: string,
  options: Partial<LocalVolunteerOptions>,
) {
  const here = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  let chunks = 0
  const role = await joinRun(run, link, name, {
    onTransfer: ({ what, done, total }) => {
      if (what !== 'base model') return
      begun.resolve()
      chunks = Math.ceil(done / BLOB_CHUNK_BYTES)
      if (done === total) here.resolve()
    },
    ...options,
  })
  return { ...role, chunks: () => chunks, begun: begun.promise, here: here.promise }
}

test('of six that start together, and one that comes late, one fetches it from afar', async () => {
  const { run, bytes, hosted } = await hosting(64)
  const lan = loopback()
  let shared = 0
  const onShared = (more: number) => {
    shared += more
  }
  const names = ['ada', 'ben', 'cleo', 'dan', 'eve', 'fay']
  const all = await Promise.all(
    names.map((name) => volunteer(run, hosted, name, { lan, onShared })),
  )
  await Promise.all(all.map(({ here }) => here))
  const late = await volunteer(run, hosted, 'gus', { lan, onShared })
  await late.here
  expect(hosted.dashboard.run.baseBytesSent).toBe(bytes)
  expect(shared).toBe(6 * bytes)
  await hosted.finished
  await hosted.stop()
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

test('when the one that fetches it pauses, another goes on from where it was', async () => {
  const { run, bytes, hosted } = await hosting(16)
  const lan = loopback()
  const { digest } = (await readRunConfig(run)).config.base.weights
  const base = await readFile(join(run.blobs, blobPath(digest)))
  const hanging = await mirrorServer(base, { hangsAfter: 2 * BLOB_CHUNK_BYTES })
  const first = await volunteer(run, hosted, 'ada', { lan, mirrors: [hanging.url] })
  await first.begun
  const others = await Promise.all(
    ['ben', 'cleo'].map((name) => volunteer(run, hosted, name, { lan })),
  )
  // What came to the first comes to them, before all of it is there.
  await expect.poll(() => others.map(({ chunks }) => chunks()), PATIENT).toEqual([2, 2])
  expect(hosted.dashboard.run.baseBytesSent).toBe(0)
  first.pause('its owner asks')
  await Promise.all(others.map(({ here }) => here))
  expect(hosted.dashboard.run.baseBytesSent).toBe(bytes - 2 * BLOB_CHUNK_BYTES)
  await hosted.finished
})

test('whoever shares nothing takes nothing, and whoever pauses gives nothing', async () => {
  const { run, bytes, hosted } = await hosting(16)
  const lan = loopback()
  const first = await volunteer(run, hosted, 'ada', { lan })
  await first.here
  await (await volunteer(run, hosted, 'ben', { lan: null })).here
  expect(hosted.dashboard.run.baseBytesSent).toBe(2 * bytes)
  first.pause('its owner asks')
  await (await volunteer(run, hosted, 'cleo', { lan })).here
  expect(hosted.dashboard.run.baseBytesSent).toBe(3 * bytes)
})

test('where no multicast DNS can be had, nothing is shared, and nobody listens', async () => {
  const listening = () =>
    process.getActiveResourcesInfo().filter((what) => what === 'TCPServerWrap').length
  const before = listening()
  const lan: Lan = {
    ...loopback(),
    bus: () => {
      throw new Error('no such network')
    },
  }
  const blobs = createMemoryBlobStore()
  const sharing = createBaseSharing({
    lan,
    blobs,
    isPaused: false,
    log: silentLog,
    onMoved: () => {},
  })
  const base = { digest: 'ab'.repeat(32), bytes: 1 }
  expect(await sharing.begin('cd'.repeat(32), base, 'home')).toBe(null)
  await expect.poll(listening, PATIENT).toBe(before)
  await sharing.stop()
})
