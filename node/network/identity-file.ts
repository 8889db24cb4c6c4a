/** The key in a file: libp2p's protobuf, readable by its owner only. */

import { randomUUID } from 'node:crypto'
import { constants, link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { ConfigError } from '../../protocol/index.ts'
import { COMMAND } from '../command.ts'
import { StorageError } from '../storage/errors.ts'
import { isMissing, makeFolder } from '../storage/file-system.ts'
import { systemReason } from '../system-reason.ts'
import { type Identity, identityOf } from './identity.ts'

/** More than any key has. */
const KEY_BYTES_MAX = 4096

/** The identity in `file`; null: there is no such file. @throws ConfigError */
export async function readIdentity(file: string): Promise<Identity | null> {
  try {
    return identityOf(decodeKey(file, await readSmall(file)))
  } catch (error) {
    if (isMissing(error)) return null
    throw unreadable(file, error)
  }
}

/**
 * What is there, if it may be a key: a pipe or a device could be read for ever, or say nothing for
 * ever, and so could some files of the system.
 */
async function readSmall(file: string): Promise<Uint8Array> {
  // Windows has no such flag, and waits for nothing here.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const found = await handle.stat()
    if (!found.isFile() && !found.isDirectory()) throw new Error('it is no plain file')
    const { buffer, bytesRead } = await handle.read({ buffer: new Uint8Array(KEY_BYTES_MAX) })
    return buffer.slice(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The identity in `file`, made there on first use and never overwritten. @throws ConfigError */
export async function loadIdentity(file: string): Promise<Identity> {
  const known = await readIdentity(file)
  if (known !== null) return known
  const privateKey = await generateKeyPair('Ed25519')
  return (await create(file, privateKeyToProtobuf(privateKey)))
    ? identityOf(privateKey)
    : loadIdentity(file)
}

/**
 * Puts a key where none is; false: something is there.
 * @throws ConfigError
 */
export async function placeIdentity(file: string, identity: Identity): Promise<boolean> {
  return create(file, privateKeyToProtobuf(identity.privateKey))
}

/**
 * Puts a key in the place of what is there, which is kept beside it; returns under which name.
 * @throws ConfigError
 */
export async function replaceIdentity(file: string, identity: Identity): Promise<string> {
  try {
    const kept = await keepAside(file)
    await withWhole(file, privateKeyToProtobuf(identity.privateKey), (whole) => rename(whole, file))
    return kept
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** A second name for what is in `file`: the first of `.old`, `.old2` … that is free. */
async function keepAside(file: string): Promise<string> {
  for (let number = 1; ; number++) {
    const kept = `${file}.old${number === 1 ? '' : number}`
    if (await unlessThere(link(file, kept))) return kept
  }
}

/** False when another process was first. */
async function create(file: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return await withWhole(file, bytes, (whole) => unlessThere(link(whole, file)))
  } catch (error) {
    throw unreadable(file, error)
  }
}

/**
 * A key gets its name when it is whole, so that nobody reads half of one, and no crash leaves it.
 * @param name gives it the name
 */
async function withWhole<T>(
  file: string,
  bytes: Uint8Array,
  name: (whole: string) => Promise<T>,
): Promise<T> {
  const whole = `${file}.${randomUUID()}`
  try {
    await makeFolder(dirname(file))
    const handle = await open(whole, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return await name(whole)
  } finally {
    await rm(whole, { force: true })
  }
}

async function unlessThere(made: Promise<void>): Promise<boolean> {
  try {
    await made
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
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
        `Restore it by \`${COMMAND} identity restore\`, or move it away to get a new identity`,
    )
  }
  return key
}

function unreadable(file: string, error: unknown): Error {
  if (error instanceof ConfigError) return error
  const cannot = `Cannot read or create the identity in ${file}`
  if (error instanceof StorageError) return new ConfigError(`${cannot}: ${error.message}`)
  return new ConfigError(`${cannot} as ${systemReason(error) ?? (error as Error).message}`)
}
