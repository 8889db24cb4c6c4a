/**
 * One file over HTTP: into `PATH.incomplete`, which the next try goes on from, and under its own
 * name when it is whole and its hash is right. Redirects are followed a few times; the token goes
 * to the host that it is for, and to no other.
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { isSecure } from '../secure-address.ts'

export interface Download {
  url: string
  token: string | null
  path: string
  bytes: number
  hash: ContentHash
  /** Hears of the bytes that are here, and of those just moved. */
  onBytes?(done: number, moved: number): void
}

/** SHA-256, or what git calls a file: SHA-1 of `blob <bytes>\0` and the bytes. */
export type ContentHash = { type: 'sha256' | 'git'; hex: string }

const REDIRECTS_MAX = 5
const TRIES_MAX = 5
/** Nothing for this long is a broken connection. */
const STALL_MS_MAX = 30_000

/** @throws ConfigError when it cannot be had; what came so far stays for the next try. */
export async function download(file: Download): Promise<void> {
  const partial = `${file.path}.incomplete`
  let failure = ''
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    try {
      await mkdir(dirname(file.path), { recursive: true })
      await fetchRest(file, partial)
      await checkHash(file, partial)
      return await rename(partial, file.path)
    } catch (error) {
      if (error instanceof ConfigError) throw error
      throwIfOfDisk(error, file.path)
      failure = reasonOf(error)
    }
  }
  throw new ConfigError(
    `Cannot download ${file.url} as the connection broke ${TRIES_MAX} times (${failure}): ` +
      'run the command again to go on from where it broke',
  )
}

/** The next try would not help. Failures of the network have their reason in a cause. */
export function throwIfOfDisk(error: unknown, path: string): void {
  const { code, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined) return
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  throw new ConfigError(
    isFull
      ? `Cannot write ${path} as the disk is full: make room, or set HF_HOME to a folder on ` +
          'another disk, and run the command again to go on'
      : `Cannot write ${path}: ${(error as Error).message}`,
  )
}

async function fetchRest(file: Download, partial: string): Promise<void> {
  const start = await stat(partial).then(
    ({ size }) => (size <= file.bytes ? size : 0),
    () => 0,
  )
  if (start === file.bytes && start > 0) return
  const controller = new AbortController()
  const range = start === 0 ? {} : { range: `bytes=${start}-` }
  const response = await get(file.url, file.token, range, controller.signal)
  const isRest = response.status === 206
  if (!response.ok) throw refused(file.url, response.status)
  const handle = await open(partial, isRest ? 'r+' : 'w')
  try {
    let done = isRest ? start : 0
    for await (const piece of stalling(response.body!, controller)) {
      if (done + piece.length > file.bytes) throw tooLong(file)
      await handle.write(piece, 0, piece.length, done)
      done += piece.length
      file.onBytes?.(done, piece.length)
    }
    if (done < file.bytes) throw new Error(`it ended after ${done} of ${file.bytes} bytes`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function* stalling(
  body: ReadableStream<Uint8Array>,
  controller: AbortController,
): AsyncGenerator<Uint8Array> {
  const abort = () => controller.abort(new Error('nothing came for a while'))
  let timer = setTimeout(abort, STALL_MS_MAX)
  try {
    for await (const piece of body) {
      clearTimeout(timer)
      yield piece
      timer = setTimeout(abort, STALL_MS_MAX)
    }
  } finally {
    clearTimeout(timer)
  }
}

/** @throws ConfigError after too many redirects, and where others could read the token */
export async function get(
  url: string,
  token: string | null,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const home = new URL(url).origin
  if (token !== null && !isSecure(new URL(url))) {
    throw new ConfigError(
      `Cannot send the token of the Hub to ${home} as whoever is on the way could read it: give ` +
        'an https address in HF_ENDPOINT, or no token (HF_TOKEN, HF_TOKEN_PATH)',
    )
  }
  let next = url
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const isHome = new URL(next).origin === home
    const authorization = token !== null && isHome ? { authorization: `Bearer ${token}` } : {}
    const response = await fetch(next, {
      // Packed on the way, a file would have another length, and other ranges.
      headers: { 'accept-encoding': 'identity', ...headers, ...authorization },
      redirect: 'manual',
      signal,
    })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) return response
    await response.body?.cancel()
    next = new URL(location, next).href
  }
  throw new ConfigError(`Cannot download ${url} as it redirects more than ${REDIRECTS_MAX} times`)
}

async function checkHash(file: Download, partial: string): Promise<void> {
  const found = await hashOf(partial, file.hash.type, file.bytes)
  if (found === file.hash.hex) return
  await rm(partial, { force: true })
  throw new ConfigError(
    `Cannot use ${file.url} as its ${file.hash.type} must be ${file.hash.hex}: ` +
      `current value is ${found}. It was thrown away; run the command again`,
  )
}

/** The hash of a file in hexadecimal, as the Hub tells it. */
export async function hashOf(
  path: string,
  type: ContentHash['type'],
  bytes: number,
): Promise<string> {
  const hash =
    type === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`)
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  return hash.digest('hex')
}

/** @throws nothing: an error to be thrown, in words that say what to do */
export function refused(url: string, status: number): Error {
  if (status === 401 || status === 403) {
    return new ConfigError(
      `Cannot download ${url} as the Hub answers ${status}: check the name, give a token that ` +
        'may read it (HF_TOKEN), and accept its terms on its page where it has some',
    )
  }
  if (status === 404) {
    return new ConfigError(`Cannot download ${url} as the Hub has no such thing (404)`)
  }
  // Worth another try.
  return new Error(`it answers ${status}`)
}

function tooLong({ url, bytes }: Download): ConfigError {
  return new ConfigError(
    `Cannot download ${url} as it is longer than the ${bytes} bytes it should be`,
  )
}

/** What fetch says is often only in the cause. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: Error }
  return cause?.message ?? message
}
