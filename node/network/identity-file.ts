/** The key in a file: libp2p's protobuf, readable by its owner only. */
import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { ConfigError } from '../../protocol/errors.ts'
import { type Identity, identityOf } from './identity.ts'

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
