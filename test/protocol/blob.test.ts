/** Blobs: manifests, chunks, and what a wrong one is told. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  type BlobManifest,
  blobManifest,
  checkChunk,
  chunkCount,
  chunkOf,
  decodeBlobManifest,
  encodeBlobManifest,
} from '../../protocol/blob.ts'
import { chainDigest, digestOf, isDigest } from '../../protocol/digest.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, BLOB_MANIFEST_BYTES_MAX } from '../../protocol/limits.ts'
import { nextUint32, prng } from '../../protocol/prng.ts'

function randomBytes(length: number, seed = 1): Uint8Array {
  const random = prng(seed)
  return Uint8Array.from({ length }, () => nextUint32(random))
}

const sha256 = (...parts: Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

for (const [bytes, chunks] of [
  [0, 0],
  [1, 1],
  [BLOB_CHUNK_BYTES - 1, 1],
  [BLOB_CHUNK_BYTES, 1],
  [BLOB_CHUNK_BYTES + 1, 2],
  [3 * BLOB_CHUNK_BYTES, 3],
] as const) {
  test(`a blob of ${bytes} bytes has ${chunks} chunks, each with its hash`, () => {
    const blob = randomBytes(bytes)
    const manifest = blobManifest(blob)
    expect(chunkCount(bytes)).toBe(chunks)
    expect(manifest.digest).toBe(sha256(blob))
    expect(manifest.bytes).toBe(bytes)
    const hashes = Array.from({ length: chunks }, (_, index) => sha256(chunkOf(blob, index)))
    expect(Buffer.from(manifest.chunkHashes).toString('hex')).toBe(hashes.join(''))
    for (let index = 0; index < chunks; index++) checkChunk(manifest, index, chunkOf(blob, index))
    expect(decodeBlobManifest(encodeBlobManifest(manifest), manifest)).toEqual(manifest)
  })
}

const blob = randomBytes(2 * BLOB_CHUNK_BYTES + 10)
const manifest = blobManifest(blob)
const flipped = Uint8Array.from(chunkOf(blob, 1))
flipped[777]! ^= 1

for (const [what, index, chunk] of [
  ['one bit is wrong', 1, flipped],
  ['it is another chunk', 1, chunkOf(blob, 0)],
  ['it is too short', 1, chunkOf(blob, 1).subarray(1)],
  ['the last one is too long', 2, chunkOf(blob, 0)],
  ['it is beyond the end', 3, new Uint8Array(0)],
] as const) {
  test(`a chunk is refused when ${what}`, () => {
    expect(() => checkChunk(manifest, index, chunk)).toThrow(ProtocolError)
  })
}

for (const [what, change] of [
  ['is of another blob', { digest: digestOf(flipped) }],
  ['is of another size', { bytes: blob.length + 1 }],
  ['lacks a hash', { chunkHashes: manifest.chunkHashes.subarray(32) }],
  ['has half a hash more', { chunkHashes: new Uint8Array(3 * 32 + 16) }],
] as [string, Partial<BlobManifest>][]) {
  test(`a manifest is refused when it ${what}`, () => {
    const frame = encodeBlobManifest({ ...manifest, ...change })
    expect(() => decodeBlobManifest(frame, manifest)).toThrow(ProtocolError)
  })
}

test('the manifest of the largest blob fits its limit', () => {
  const chunkHashes = new Uint8Array(chunkCount(BLOB_BYTES_MAX) * 32)
  const largest = { digest: manifest.digest, bytes: BLOB_BYTES_MAX, chunkHashes }
  const frame = encodeBlobManifest(largest)
  expect(frame.length).toBeLessThanOrEqual(BLOB_MANIFEST_BYTES_MAX)
  expect(decodeBlobManifest(frame, largest).bytes).toBe(BLOB_BYTES_MAX)
})

test('SHA-256 of "abc" is that of FIPS 180-4', () => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  expect(digestOf(new TextEncoder().encode('abc'))).toBe(expected)
  expect(isDigest(expected)).toBe(true)
})

test('a link of a chain covers the one before', () => {
  const previous = sha256(blob)
  expect(chainDigest(previous, flipped)).toBe(sha256(Buffer.from(previous, 'hex'), flipped))
})

test('a chunk is refused however much of its hash is right', () => {
  for (let at = 0; at < 40; at++) {
    const other = Uint8Array.from(chunkOf(blob, 2))
    other[at % other.length]! ^= 1 + at
    // By chance, now and then a byte of the two hashes is the same.
    expect(() => checkChunk(manifest, 2, other)).toThrow(ProtocolError)
  }
})
