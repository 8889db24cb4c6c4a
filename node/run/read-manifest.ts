/** What the coordinator has signed about a round. */
import {
  bytes,
  type Digest,
  decode,
  type Manifest,
  manifestSchema,
  parse,
  struct,
} from '../../protocol/index.ts'
import type { BlobReader } from './evidence.ts'

export type SignedManifest = { manifest: Manifest; signature: Uint8Array }

const signedManifest = struct({ manifest: manifestSchema, signature: bytes(64, 64) })
/** A manifest lists every contribution of its round. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024

export async function readManifest(blobs: BlobReader, digest: Digest): Promise<SignedManifest> {
  const value = decode(await blobs.read(digest, MANIFEST_BYTES_MAX), MANIFEST_BYTES_MAX)
  return parse(signedManifest, value, 'manifest')
}
