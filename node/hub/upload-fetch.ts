/**
 * The `fetch` by which the Hub's library uploads. The token goes to the Hub and to nobody else,
 * nothing goes where others could read it, redirects are not followed, nothing is waited for
 * without end, and answers are bounded. Files are heard of as they go, and sent again where their
 * way broke.
 */
import { ConfigError } from '../../protocol/index.ts'
import { isSecure } from '../secure-address.ts'
import { type HubTarget, statusError } from './upload-error.ts'

export interface UploadHearer {
  /** Bytes of files that went out; below 0: they have to go again. */
  onBytes(moved: number): void
  /** The Hub refused, or was not reached: nothing more will come of this. */
  onFailure(error: unknown): void
}

/** Nothing moving for this long is a broken connection; a commit of many files takes a minute. */
const STALL_MS_MAX = 120_000
const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const TRIES = 3
const RETRY_MS = 1_000

/** @param end ends all requests that go on */
export function uploadFetch(
  target: HubTarget,
  { onBytes, onFailure }: UploadHearer,
  end: AbortSignal,
): typeof fetch {
  const home = new URL(target.endpoint).origin
  return async (input, init = {}) => {
    try {
      const url = new URL(input instanceof Request ? input.url : input)
      if (!isSecure(url)) {
        throw new ConfigError(
          `Cannot upload to ${url.origin} as the Hub must name an https address to upload to`,
        )
      }
      const headers = new Headers(init.headers)
      if (url.origin !== home) headers.delete('authorization')
      const request = { url, method: init.method ?? 'GET', headers, end }
      const { body = null } = init
      const response =
        body instanceof Blob
          ? await sendFile(request, body, onBytes)
          : await ask(request, body, watched(end))
      if (!response.ok) throw statusError(target, response.status, await saidBy(response))
      return response
    } catch (error) {
      onFailure(error)
      throw error
    }
  }
}

interface UploadRequest {
  url: URL
  method: string
  headers: Headers
  end: AbortSignal
}

/** A file goes as a stream, which is what tells how far it is. */
async function sendFile(
  request: UploadRequest,
  file: Blob,
  onBytes: (moved: number) => void,
): Promise<Response> {
  request.headers.set('content-length', String(file.size))
  for (let attempt = 1; ; attempt++) {
    const stall = watched(request.end)
    let sent = 0
    const counter = new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, next) {
        stall.moved()
        sent += piece.length
        onBytes(piece.length)
        next.enqueue(piece)
      },
    })
    const isLast = attempt === TRIES
    const sending = ask(request, file.stream().pipeThrough(counter), stall)
    const response = await sending.catch((error) => {
      if (isLast || request.end.aborted) throw error
      return null
    })
    if (response !== null && (isLast || !isBusy(response))) return response
    onBytes(-sent)
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * attempt))
  }
}

const isBusy = ({ status }: Response): boolean => status === 429 || status >= 500

interface Stall {
  signal: AbortSignal
  moved(): void
  over(): void
}

/** A signal that comes when nothing moves any more, or with the other. */
function watched(end: AbortSignal): Stall {
  const controller = new AbortController()
  const abort = () => controller.abort(new Error('nothing moved for a while'))
  const timer = setTimeout(abort, STALL_MS_MAX)
  return {
    signal: AbortSignal.any([controller.signal, end]),
    moved: () => timer.refresh(),
    over: () => clearTimeout(timer),
  }
}

/** The answer as a whole. @throws Error when there is none, or none that ends */
async function ask(
  { url, method, headers }: UploadRequest,
  body: NonNullable<RequestInit['body']> | null,
  { signal, moved, over }: Stall,
): Promise<Response> {
  try {
    const ways = { redirect: 'manual', duplex: 'half' } as const
    const response = await fetch(url, Object.assign({ method, headers, body, signal }, ways))
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of response.body ?? []) {
      moved()
      bytes += piece.length
      if (bytes > ANSWER_BYTES_MAX) throw new Error('its answer is too long')
      pieces.push(piece)
    }
    const { status, headers: answered } = response
    return new Response(bytes === 0 ? null : Buffer.concat(pieces), { status, headers: answered })
  } finally {
    over()
  }
}

/** What the Hub says of a refusal. */
async function saidBy(response: Response): Promise<string> {
  const answer: unknown = await response.json().catch(() => null)
  const { error } = Object(answer) as { error?: unknown }
  return typeof error === 'string' ? error : ''
}
