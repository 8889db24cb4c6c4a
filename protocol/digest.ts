/**
 * Digests: SHA-256 (FIPS 180-4), written as 64 lower-case hexadecimal digits, so that they are map
 * keys, file names and log lines at once.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

export type Digest = string

const DIGEST_PATTERN = /^[0-9a-f]{64}$/

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && DIGEST_PATTERN.test(value)
}

export function digestOf(bytes: Uint8Array): Digest {
  return bytesToHex(sha256(bytes))
}

/** The digest of bytes that come in pieces. */
export function createDigest(): { update(piece: Uint8Array): void; digest(): Digest } {
  const hash = sha256.create()
  return {
    update: (piece) => void hash.update(piece),
    digest: () => bytesToHex(hash.digest()),
  }
}

/** The next link of a hash chain: SHA-256(previous ‖ bytes), both as raw bytes. */
export function chainDigest(previous: Digest, bytes: Uint8Array): Digest {
  return bytesToHex(sha256(concatBytes(hexToBytes(previous), bytes)))
}

export { bytesToHex, concatBytes, hexToBytes, utf8ToBytes }
