/**
 * A published run on a web server, which needs to know nothing but how to send files. What it sends
 * is bounded in bytes and time.
 */
import { nativeDigestOf } from '../native-digest.ts'
import { NetworkError } from '../network/errors.ts'
import { LostBytesError, StorageError } from '../storage/errors.ts'
import { piecesOf } from '../stream-pieces.ts'
import { createPace } from './pace.ts'
import { type Place, tooLong } from './place.ts'

/** Nothing for this long is a broken connection. */
const STALL_MS_MAX = 30_000
const TRIES = 3
const RETRY_MS = 1_000
const MISSING = new Set([404, 410])

export interface WebPlaceOptions {
  headers?: Record<string, string>
  /** Hears of the bytes that just came. */
  onBytes?: (moved: number) => void
  /** Stands in for the platform's own. */
  fetch?: (url: URL, init: RequestInit) => Promise<Response>
}

/** @param address of the folder, which a file's path is appended to */
export function webPlace(address: URL, options: WebPlaceOptions = {}): Place {
  const folder = address.href.replace(/[?#].*$/, '').replace(/\/*$/, '/')
  return {
    name: folder,
    open: (path, bytesMax) => fetched(new URL(path, folder), path, bytesMax, options),
    local: null,
    digestOf: nativeDigestOf,
  }
}

async function* fetched(
  url: URL,
  path: string,
  bytesMax: number,
  options: WebPlaceOptions,
): AsyncGenerator<Uint8Array> {
  const end = new AbortController()
  try {
    const response = await beforeStall(end, answered(url, options, end.signal))
    if (Number(response.headers.get('content-length') ?? 0) > bytesMax) {
      throw tooLong(path, bytesMax)
    }
    let bytes = 0
    for await (const piece of atPace(piecesOf(response.body), end)) {
      bytes += piece.length
      options.onBytes?.(piece.length)
      if (bytes > bytesMax) throw tooLong(path, bytesMax)
      yield piece
    }
  } catch (error) {
    if (error instanceof NetworkError || error instanceof StorageError) throw error
    const { message, cause } = error as Error
    const why = cause instanceof Error && cause.message !== '' ? cause.message : message
    throw new NetworkError('unreachable', `Cannot fetch ${path} from ${url.origin}: ${why}`)
  } finally {
    end.abort()
  }
}

/** The pieces, as long as they come. @throws Error when they come too slowly */
async function* atPace(
  pieces: AsyncGenerator<Uint8Array>,
  end: AbortController,
): AsyncGenerator<Uint8Array> {
  const pace = createPace()
  try {
    for (;;) {
      const since = performance.now()
      const { done, value } = await beforeStall(end, pieces.next())
      if (done) return
      if (!pace.isKept(performance.now() - since, value.length)) {
        throw new Error('it comes too slowly')
      }
      yield value
    }
  } finally {
    await pieces.return(undefined)
  }
}

/** Ends the transfer when it is waited for in vain. */
function beforeStall<T>(end: AbortController, coming: Promise<T>): Promise<T> {
  const abort = () => end.abort(new Error('nothing came for a while'))
  const stall = setTimeout(abort, STALL_MS_MAX)
  return coming.finally(() => clearTimeout(stall))
}

/** @throws NetworkError when the file is not there */
async function answered(
  url: URL,
  { headers = {}, fetch: ask = fetch }: WebPlaceOptions,
  signal: AbortSignal,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const response = await ask(url, { headers, signal })
    if (response.ok) return response
    await response.body?.cancel()
    if (MISSING.has(response.status)) {
      throw new LostBytesError('missing', `Cannot fetch ${url.href}: there is no such file`)
    }
    const isBusy = response.status === 429 || response.status >= 500
    if (!isBusy || attempt === TRIES) {
      throw new NetworkError(
        'unreachable',
        `Cannot fetch ${url.href}: the server answers ${response.status}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt))
  }
}
