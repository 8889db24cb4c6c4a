/**
 * SHA-256 by the platform, which is many times as fast as ours, in Node and in a page. It has it
 * where a page came over https or lies on this machine; elsewhere ours does the same.
 */
import { bytesToHex, type Digest, digestOf } from '../protocol/index.ts'

/** Platforms refuse what is too large for them: Node from 2 GiB on. */
const NATIVE_BYTES_MAX = 2 ** 30

export async function nativeDigestOf(bytes: Uint8Array): Promise<Digest> {
  const { subtle } = crypto as Partial<Crypto>
  if (subtle === undefined || bytes.length > NATIVE_BYTES_MAX) return digestOf(bytes)
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return bytesToHex(new Uint8Array(digest))
}
