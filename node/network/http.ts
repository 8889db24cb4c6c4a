/**
 * Requests to a run's pages over libp2p, for whoever has the page from elsewhere, such as from a
 * relay: one stream a request, which says what is asked, then how it is answered, then the bytes of
 * the answer, until the stream ends. It is encrypted for the coordinator that the link names.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { encode, ProtocolError, parse } from '../../protocol/index.ts'
import { asError, NetworkError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { hear } from './hear.ts'
import type { Host } from './host.ts'
import {
  HTTP_PROTOCOL,
  type HttpAnswer,
  type HttpQuestion,
  httpAnswer,
  httpQuestion,
} from './http-messages.ts'
import { HTTP_STREAMS_MAX, HTTP_STREAMS_PER_PEER_MAX } from './limits.ts'
import { createQuota } from './quota.ts'

/** A stream is closed by both, or it is closed for the one that does not. */
const END_MS = 5_000
/** Bytes of an answer in one frame. */
const PIECE_BYTES = 64 * 1024

/** The headers that pass, as HTTP writes them. */
const QUESTION_HEADERS = {
  accept: 'Accept',
  authorization: 'Authorization',
  contentType: 'Content-Type',
  lastEventId: 'Last-Event-ID',
  range: 'Range',
} as const
const ANSWER_HEADERS = {
  contentDisposition: 'Content-Disposition',
  contentLength: 'Content-Length',
  contentRange: 'Content-Range',
  contentType: 'Content-Type',
} as const

/** Where requests seem to go: nobody looks it up. */
const ORIGIN = 'http://run.invalid'

export type Answerer = (request: Request) => Response | Promise<Response>

/** @param onError hears of what is our own fault */
export async function serveHttp(
  host: Host,
  answer: Answerer,
  onError: (error: Error) => void,
): Promise<void> {
  const quota = createQuota(HTTP_STREAMS_PER_PEER_MAX)
  let open = 0

  async function serve(stream: Stream, connection: Connection): Promise<void> {
    const frames = new Frames(stream)
    const peer = connection.remotePeer.toString()
    open += 1
    try {
      const isFull = open > HTTP_STREAMS_MAX
      await quota.run(peer, async () => {
        const question = await hear(frames, httpQuestion, 'question')
        const request = requestOf(question, frames.closed)
        await tell(frames, isFull ? busy() : await answer(request))
        await ended(frames)
      })
    } catch (error) {
      frames.abort(asError(error))
      countFault(host, peer, error)
      const isOurs = !(error instanceof ProtocolError || error instanceof NetworkError)
      if (isOurs) onError(asError(error))
    } finally {
      open -= 1
    }
  }

  await host.handle(HTTP_PROTOCOL, serve, { maxInboundStreams: HTTP_STREAMS_PER_PEER_MAX })
}

/** Whoever does not end its own direction soon would keep the stream, and its place, for ever. */
async function ended(frames: Frames): Promise<void> {
  if (frames.closed.aborted) return
  const late = Promise.withResolvers<void>()
  frames.closed.addEventListener('abort', () => late.resolve(), { once: true })
  const timer = setTimeout(late.resolve, END_MS)
  await late.promise
  clearTimeout(timer)
  frames.abort(new NetworkError('lost', 'The answer was given'))
}

const busy = () => new Response('Too many ask: come back', { status: 503 })

/** @throws ProtocolError for a path that leads elsewhere, or a header that HTTP has not */
function requestOf(question: HttpQuestion, signal: AbortSignal): Request {
  const { method, path, body } = question
  const url = path.startsWith('/') && URL.canParse(path, ORIGIN) ? new URL(path, ORIGIN) : null
  if (url?.origin !== ORIGIN) throw new ProtocolError('malformed', `'${path}' is no path`)
  const headers = new Headers()
  for (const [field, name] of entriesOf(QUESTION_HEADERS)) {
    const value = question[field]
    if (value !== null && !/^[\x20-\x7e]*$/.test(value)) {
      throw new ProtocolError('malformed', `'${field}' must be ASCII`)
    }
    if (value !== null) headers.set(name, value)
  }
  return new Request(url, { method, headers, signal, ...(method === 'POST' ? { body } : {}) })
}

/** Sends an answer, for as long as anybody listens. */
async function tell(frames: Frames, response: Response): Promise<void> {
  const reader = response.body?.getReader()
  // What broke while it was read is told by the read.
  const stop = () => void reader?.cancel().catch(() => {})
  frames.closed.addEventListener('abort', stop, { once: true })
  try {
    const fields = entriesOf(ANSWER_HEADERS).map(([field, name]) => [
      field,
      response.headers.get(name),
    ])
    await frames.write(encode({ status: response.status, ...Object.fromEntries(fields) }))
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {}
      if (done) break
      for (let at = 0; at < value!.length; at += PIECE_BYTES) {
        await frames.write(value!.slice(at, at + PIECE_BYTES))
      }
    }
    await frames.close()
  } finally {
    frames.closed.removeEventListener('abort', stop)
    stop()
  }
}

/**
 * Asks over a connection; like `fetch`, which answers as soon as it knows how.
 * @throws NetworkError `lost` or `timeout`, ProtocolError when the answer is none
 */
export async function askOver(
  connection: Connection,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const { method = 'GET', body = null, signal } = init
  const headers = new Headers(init.headers)
  const fields = entriesOf(QUESTION_HEADERS).map(([field, name]) => [field, headers.get(name)])
  const question = { method, path, body, ...Object.fromEntries(fields) }
  const frames = await openFrames(connection, HTTP_PROTOCOL, { signal: signal ?? undefined })
  try {
    await frames.write(encode(parse(httpQuestion, question, 'question')))
    await frames.close()
    return responseOf(await hear(frames, httpAnswer, 'answer'), frames)
  } catch (error) {
    throw frames.abort(asError(error))
  }
}

function responseOf(answer: HttpAnswer, frames: Frames): Response {
  const headers = new Headers()
  for (const [field, name] of entriesOf(ANSWER_HEADERS)) {
    const value = answer[field]
    if (value !== null) headers.set(name, value)
  }
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      // A stream of events may be silent for long: whoever asks knows for how long it waits.
      const piece = await frames.read({ frameBytesMax: PIECE_BYTES, timeoutMs: Infinity })
      if (piece === null) controller.close()
      else controller.enqueue(piece)
    },
    cancel: () => void frames.abort(new Error('Nobody reads on')),
  })
  const isEmpty = answer.status === 204 || answer.status === 304
  return new Response(isEmpty ? null : body, { status: answer.status, headers })
}

const entriesOf = <T extends Record<string, string>>(names: T) =>
  Object.entries(names) as [keyof T & string, T[keyof T]][]
