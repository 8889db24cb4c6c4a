/**
 * Blobs: bulk bytes named by their SHA-256 and moved in chunks of `BLOB_CHUNK_BYTES`, each with its
 * own hash, so that a transfer resumes where it broke and a wrong chunk is noticed when it arrives.
 */
import { decode, encode } from './codec.ts'
import { type Digest, digestOf, hexToBytes } from './digest.ts'
import { DigestMismatch } from './errors.ts'
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, BLOB_MANIFEST_BYTES_MAX } from './limits.ts'
import { bytes, digest, type Infer, integer, parse, struct } from './schema.ts'

const manifestSchema = struct({
  digest,
  bytes: integer(0, BLOB_BYTES_MAX),
  /** 32 bytes a chunk. */
  chunkHashes: bytes(0, BLOB_MANIFEST_BYTES_MAX),
})
export type BlobManifest = Infer<typeof manifestSchema>

export function chunkCount(byteCount: number): number {
  return Math.ceil(byteCount / BLOB_CHUNK_BYTES)
}

/** The bytes of chunk `index` of a blob held in memory. */
export function chunkOf(blob: Uint8Array, index: number): Uint8Array {
  return blob.subarray(index * BLOB_CHUNK_BYTES, (index + 1) * BLOB_CHUNK_BYTES)
}

export function blobManifest(blob: Uint8Array): BlobManifest {
  const chunkHashes = new Uint8Array(chunkCount(blob.length) * 32)
  for (let index = 0; index < chunkCount(blob.length); index++) {
    chunkHashes.set(hexToBytes(digestOf(chunkOf(blob, index))), index * 32)
  }
  return { digest: digestOf(blob), bytes: blob.length, chunkHashes }
}

/** @throws ProtocolError `digest-mismatch` when the chunk is not the one the manifest names. */
export function checkChunk(manifest: BlobManifest, index: number, chunk: Uint8Array): void {
  const last = chunkCount(manifest.bytes) - 1
  const expectedBytes = index < last ? BLOB_CHUNK_BYTES : manifest.bytes - last * BLOB_CHUNK_BYTES
  const expected = manifest.chunkHashes.subarray(index * 32, (index + 1) * 32)
  const actual = hexToBytes(digestOf(chunk))
  if (
    index > last ||
    chunk.length !== expectedBytes ||
    actual.some((byte, at) => byte !== expected[at])
  ) {
    throw new DigestMismatch(
      `Cannot accept chunk ${index} of blob ${manifest.digest}: ` +
        `${chunk.length} bytes that don't match its hash`,
    )
  }
}

export const encodeBlobManifest = (manifest: BlobManifest): Uint8Array => encode(manifest)

/** @throws ProtocolError unless the manifest is for `wanted`, and as long as it says. */
export function decodeBlobManifest(
  frame: Uint8Array,
  wanted: { digest: Digest; bytes: number },
): BlobManifest {
  const manifest = parse(manifestSchema, decode(frame, BLOB_MANIFEST_BYTES_MAX), 'manifest')
  if (
    manifest.digest !== wanted.digest ||
    manifest.bytes !== wanted.bytes ||
    manifest.chunkHashes.length !== chunkCount(manifest.bytes) * 32
  ) {
    throw new DigestMismatch(
      `Cannot accept the manifest of blob ${manifest.digest} (${manifest.bytes} bytes): ` +
        `wanted ${wanted.digest} (${wanted.bytes} bytes)`,
    )
  }
  return manifest
}
