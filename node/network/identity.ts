/**
 * Who we are: an Ed25519 key, and its peer id. The id contains the public key, so a signature is
 * checked from the id alone.
 */

import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { hexToBytes, type PeerId, SIGNATURE_BYTES } from '../../protocol/index.ts'

export interface Identity {
  privateKey: PrivateKey
  peerId: PeerId
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

export function identityOf(privateKey: PrivateKey): Identity {
  return {
    privateKey,
    peerId: peerIdFromPrivateKey(privateKey).toString(),
    sign: async (bytes) => privateKey.sign(bytes),
  }
}

/**
 * Whether the holder of `peerId`'s key signed these bytes; false for an id or signature of any
 * other form.
 */
export async function verifySignature(
  peerId: PeerId,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return false
  try {
    const { publicKey } = peerIdFromString(peerId)
    return publicKey?.type === 'Ed25519' && (await publicKey.verify(bytes, signature))
  } catch {
    return false
  }
}

const HEX_PATTERN = /^(?:[0-9a-f]{2})*$/

/** The same for a signature in lower-case hexadecimal digits, as files have it. */
export async function verifyHexSignature(
  peerId: PeerId,
  bytes: Uint8Array,
  signature: string,
): Promise<boolean> {
  return HEX_PATTERN.test(signature) && verifySignature(peerId, bytes, hexToBytes(signature))
}
