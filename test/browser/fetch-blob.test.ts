/** A blob over HTTP is whole and right, or it is not there; what broke goes on where it broke. */
import { expect, test } from 'vitest'
import { fetchBlob } from '../../node/browser/tab/fetch-blob.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { concatBytes, digestOf } from '../../protocol/digest.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'

const BYTES = Uint8Array.from({ length: 2 * BLOB_CHUNK_BYTES + 1000 }, (_, i) => (i * 7) % 251)
const BLOB = { digest: digestOf(BYTES), bytes: BYTES.length }
const PIECE_BYTES = 100_000

/** Answers with `bytes` from where it is asked, in pieces, and breaks off after `breaksAfter`. */
function server(bytes: Uint8Array, { breaksAfter = Number.POSITIVE_INFINITY, status = 0 } = {}) {
  const asked: (string | null)[] = []
  const fetch = async (_url: string, { headers }: RequestInit) => {
    const range = new Headers(headers).get('Range')
    asked.push(range)
    const from = Number(/\d+/.exec(range ?? '0')![0])
    let at = from
    const body = new ReadableStream<Uint8Array>({
      pull(stream) {
        if (at - from >= breaksAfter) return stream.error(new TypeError('the line broke'))
        if (at >= bytes.length) return stream.close()
        const end = Math.min(bytes.length, at + PIECE_BYTES)
        stream.enqueue(bytes.slice(at, end))
        at = end
      },
    })
    return new Response(body, { status: status || (range === null ? 200 : 206) })
  }
  return { fetch, asked }
}

async function bring(blobs = createMemoryBlobStore(), from = server(BYTES)) {
  const told: number[] = []
  const source = { address: 'http://host/', headers: {}, fetch: from.fetch }
  await fetchBlob(blobs, BLOB, { ...source, onProgress: (bytes) => told.push(bytes) })
  return told
}

test('all of it comes, and is told as it does', async () => {
  const blobs = createMemoryBlobStore()
  expect(await bring(blobs)).toEqual([BLOB_CHUNK_BYTES, 2 * BLOB_CHUNK_BYTES, BYTES.length])
  expect(await blobs.read(BLOB.digest)).toEqual(BYTES)
})

test('what is here is not asked for', async () => {
  const blobs = createMemoryBlobStore()
  await blobs.put(BYTES)
  const silent = server(BYTES)
  expect(await bring(blobs, silent)).toEqual([])
  expect(silent.asked).toEqual([])
})

test('after a break only the rest is asked for', async () => {
  const blobs = createMemoryBlobStore()
  await expect(bring(blobs, server(BYTES, { breaksAfter: 300_000 }))).rejects.toThrow('line broke')
  const next = server(BYTES)
  await bring(blobs, next)
  expect(next.asked).toEqual([`bytes=${BLOB_CHUNK_BYTES}-`])
  expect(await blobs.read(BLOB.digest)).toEqual(BYTES)
})

for (const [what, from, reason] of [
  ['other bytes', server(BYTES.map((byte) => byte ^ 1)), /digest/],
  ['fewer bytes', server(BYTES.slice(0, -1)), /fewer than/],
  ['more bytes', server(concatBytes(BYTES.slice(0, 9), BYTES)), /more than/],
  ['a refusal', server(BYTES, { status: 403 }), /answered 403/],
  ['a part where all was asked for', server(BYTES, { status: 206 }), /answered 206/],
] as const) {
  test(`${what}: there is no blob, and the next attempt brings it`, async () => {
    const blobs = createMemoryBlobStore()
    await expect(bring(blobs, from)).rejects.toThrow(reason)
    expect(await blobs.has(BLOB.digest)).toBe(false)
    await bring(blobs)
    expect(await blobs.has(BLOB.digest)).toBe(true)
  })
}
