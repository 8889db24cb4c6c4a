/**
 * Who we are: an Ed25519 key in a file (libp2p's protobuf, readable by its owner only), and its
 * peer id. The id contains the public key, so a signature is checked from the id alone.
 */
import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { ConfigError } from '../../protocol/errors.ts'
import { SIGNATURE_BYTES } from '../../protocol/limits.ts'
import type { PeerId } from '../../protocol/messages.ts'

export interface Identity {
  privateKey: PrivateKey
  peerId: PeerId
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** The identity in `file`, made there on first use and never overwritten. @throws ConfigError */
export async function loadIdentity(file: string): Promise<Identity> {
  try {
    return identityOf(decodeKey(file, await readFile(file)))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(file, error)
  }
  const privateKey = await generateKeyPair('Ed25519')
  return (await create(file, privateKeyToProtobuf(privateKey)))
    ? identityOf(privateKey)
    : loadIdentity(file)
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

/**
 * False when another process was first. The key gets its name when it is whole, so that nobody
 * reads half of one, and no crash leaves it.
 */
async function create(file: string, bytes: Uint8Array): Promise<boolean> {
  const whole = `${file}.${randomUUID()}`
  try {
    await mkdir(dirname(file), { recursive: true })
    const handle = await open(whole, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(whole, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw unreadable(file, error)
  } finally {
    await rm(whole, { force: true })
  }
}

function decodeKey(file: string, bytes: Uint8Array): PrivateKey {
  let key: PrivateKey | null = null
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch {
    // Told below, in the words of whoever owns the file.
  }
  if (key?.type !== 'Ed25519') {
    throw new ConfigError(
      `Cannot use the identity in ${file} as it must be an Ed25519 key in libp2p's form: ` +
        `current value is ${bytes.length} bytes of something else. ` +
        'Restore it from a backup, or move it away to get a new identity',
    )
  }
  return key
}

function unreadable(file: string, error: unknown): Error {
  if (error instanceof ConfigError) return error
  return new ConfigError(
    `Cannot read or create the identity in ${file}: ${(error as Error).message}`,
  )
}
