/** Who may move how much at a time, and who waits. */
import { describe, expect, test } from 'vitest'
import { heard } from '../../node/heard.ts'
import { uploadBlob } from '../../node/network/blobs.ts'
import { connect } from '../../node/network/dial.ts'
import { UPLOADS_PER_PEER_MAX } from '../../node/network/limits.ts'
import { createQuota } from '../../node/network/quota.ts'
import { createSlots } from '../../node/network/slots.ts'
import type { BlobStore } from '../../node/storage/blob-store.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { BLOB, blobPair, randomBytes } from './blob-pair.ts'
import { addressesOf, testHost, until } from './hosts.ts'

/** A store that counts the uploads it is taking, and takes none to its end before `released`. */
function countingStore(released: Promise<void>): {
  store: BlobStore
  now: () => number
  most: () => number
} {
  const store = createMemoryBlobStore()
  let [now, most] = [0, 0]
  const openPartial = store.openPartial
  store.openPartial = async (...where) => {
    const partial = await openPartial(...where)
    const { keep, finish } = partial
    partial.keep = async (manifest) => {
      most = Math.max(most, ++now)
      return keep(manifest)
    }
    partial.finish = async () => {
      await released
      now--
      await finish()
    }
    return partial
  }
  return { store, now: () => now, most: () => most }
}

/** Fewer than uploads. */
const UPLOAD_SLOTS = 8

test(`of 20 uploads, ${UPLOAD_SLOTS} are taken at a time, and all arrive`, async () => {
  const released = Promise.withResolvers<void>()
  const { store, now, most } = countingStore(released.promise)
  const { coordinator, uploaded } = await blobPair('memory', {
    theirs: store,
    uploadSlots: UPLOAD_SLOTS,
    idleTimeoutMs: 20_000,
  })
  const uploads = Array.from({ length: 20 }, async (_, index) => {
    const volunteer = await testHost('memory', 'volunteer')
    const mine = createMemoryBlobStore()
    const payload = await mine.put(randomBytes(300_000, index))
    await uploadBlob(await connect(volunteer, addressesOf(coordinator)), index, payload, mine)
    return payload.digest
  })
  await until(() => now() === UPLOAD_SLOTS, 'all slots to be taken')
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(now()).toBe(UPLOAD_SLOTS)
  released.resolve()
  const digests = await Promise.all(uploads)
  expect(most()).toBe(UPLOAD_SLOTS)
  expect(await store.list()).toEqual(digests.sort())
  expect(uploaded.map(([, leaseId]) => leaseId).sort((a, b) => a - b)).toEqual([
    ...Array(20).keys(),
  ])
})

test('who waits too long for a slot is told so, and may try again', async () => {
  const released = Promise.withResolvers<void>()
  const { store, now } = countingStore(released.promise)
  const pair = await blobPair('memory', { theirs: store, uploadSlots: 1, slotTimeoutMs: 50 })
  const [first, second] = [await pair.mine.put(BLOB), await pair.mine.put(randomBytes(1_000))]
  const slow = uploadBlob(pair.connection, 1, first, pair.mine)
  await until(() => now() === 1, 'the slot to be taken')
  const upload = () => uploadBlob(pair.connection, 2, second, pair.mine)
  await expect(upload()).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringContaining('try again'),
  })
  released.resolve()
  await slow
  await upload()
  expect(pair.uploaded.map(([, leaseId]) => leaseId)).toEqual([1, 2])
})

test('a peer that leaves the queue, or the network, gives its place to the next', async () => {
  const released = Promise.withResolvers<void>()
  const { store, now } = countingStore(released.promise)
  const pair = await blobPair('memory', { theirs: store, uploadSlots: 1 })
  const other = await testHost('memory', 'volunteer')
  const connection = await connect(other, addressesOf(pair.coordinator))
  const payloads = [1, 2].map((seed) => pair.mine.put(randomBytes(1_000, seed)))
  const [first, second] = await Promise.all(payloads)
  const slow = heard(uploadBlob(pair.connection, 1, first!, pair.mine))
  await until(() => now() === 1, 'the slot to be taken')
  const waiting = uploadBlob(connection, 2, second!, pair.mine)
  pair.connection.abort(new Error('cut by the test'))
  await expect(slow).rejects.toMatchObject({ code: 'lost' })
  released.resolve()
  await waiting
  expect(await store.has(second!.digest)).toBe(true)
})

test(`a peer has at most ${UPLOADS_PER_PEER_MAX} uploads in progress`, async () => {
  const released = Promise.withResolvers<void>()
  const { store, now } = countingStore(released.promise)
  const pair = await blobPair('memory', { theirs: store })
  const payloads = await Promise.all(
    [1, 2, 3].map((seed) => pair.mine.put(randomBytes(1_000, seed))),
  )
  const uploads = payloads
    .slice(0, UPLOADS_PER_PEER_MAX)
    .map((one) => uploadBlob(pair.connection, 1, one, pair.mine))
  await until(() => now() === UPLOADS_PER_PEER_MAX, 'the allowed uploads to arrive')
  const beyond = uploadBlob(pair.connection, 1, payloads[UPLOADS_PER_PEER_MAX]!, pair.mine)
  await expect(beyond).rejects.toMatchObject({ code: 'lost' })
  released.resolve()
  await Promise.all(uploads)
  expect(pair.connection.status).toBe('open')
})

describe('slots', () => {
  const never = new AbortController().signal

  test('are given in the order of asking, and given back when the work fails', async () => {
    const slots = createSlots(1)
    const order: number[] = []
    const works = [1, 2, 3].map((index) =>
      slots.run(never, async () => {
        order.push(index)
        if (index === 2) throw new Error('failed')
      }),
    )
    expect([slots.taken, slots.waiting]).toEqual([1, 2])
    await Promise.allSettled(works)
    expect([order, slots.taken, slots.waiting]).toEqual([[1, 2, 3], 0, 0])
  })

  test('are given up when their turn is over and others wait, the longest first', async () => {
    const slots = createSlots(2, 1)
    const cut: number[] = []
    const hold = (index: number) =>
      slots.run(never, async (turn) => {
        await new Promise((resolve) => turn.addEventListener('abort', resolve))
        cut.push(index)
        expect(turn.reason).toMatchObject({ name: 'TimeoutError' })
      })
    const held = [hold(1), hold(2)]
    for (const index of [3, 4]) await slots.run(never, async () => void cut.push(index))
    expect(cut).toEqual([1, 3, 4])
    // Nobody waits any more, so the second one keeps its place.
    expect([slots.taken, slots.waiting]).toEqual([1, 0])
    await slots.run(never, async () => {})
    const fifth = slots.run(never, () => slots.run(never, async () => {}))
    await Promise.all([...held, fifth])
    expect(cut).toEqual([1, 3, 4, 2])
  })
  test('are not waited for by those who gave up', async () => {
    const slots = createSlots(1)
    const [first, gate] = [new AbortController(), Promise.withResolvers<void>()]
    const running = slots.run(never, () => gate.promise)
    const impatient = slots.run(first.signal, async () => 'first')
    const patient = slots.run(never, async () => 'second')
    first.abort(new Error('given up'))
    await expect(impatient).rejects.toThrow('given up')
    expect(slots.waiting).toBe(1)
    gate.resolve()
    expect(await patient).toBe('second')
    await running
    const late = slots.run(AbortSignal.abort(new Error('too late')), async () => 'never')
    await expect(late).rejects.toThrow('too late')
    expect(slots.taken).toBe(0)
  })

  test('ignore a signal that aborts when the work has begun', async () => {
    const slots = createSlots(1)
    const [controller, gate] = [new AbortController(), Promise.withResolvers<void>()]
    const first = slots.run(never, () => gate.promise)
    const second = slots.run(controller.signal, async () => controller.abort())
    const third = slots.run(never, async () => 'third')
    gate.resolve()
    await Promise.all([first, second])
    expect(await third).toBe('third')
  })
})

describe('a quota', () => {
  test('is for each peer, and free again when work ends, well or badly', async () => {
    const quota = createQuota(2)
    const gate = Promise.withResolvers<void>()
    const works = ['ada', 'ada', 'bob'].map((peer) => quota.run(peer, () => gate.promise))
    await expect(quota.run('ada', async () => 1)).rejects.toMatchObject({ code: 'refused' })
    expect(await quota.run('bob', async () => 2)).toBe(2)
    gate.reject(new Error('failed'))
    await Promise.allSettled(works)
    expect(await quota.run('ada', async () => 3)).toBe(3)
  })
})
