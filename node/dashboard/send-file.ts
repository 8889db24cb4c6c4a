/**
 * Files of the run that are named by their digest, sent in pieces: so many at the same time, and
 * from a byte on, as whoever goes on with a broken fetch asks.
 */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Context } from 'hono'

export interface FileToSend {
  path: string
  bytes: number
}

/** Files that one sender sends at the same time. */
export const DOWNLOADS_MAX = 32
/** A digest names the same bytes for ever, but only for who may have them. */
const CACHING = 'private, max-age=31536000, immutable'

export function createFileSender(): (context: Context, file: FileToSend) => Response {
  let sending = 0

  return (context, { path, bytes }) => {
    const from = firstByte(context)
    if (from > 0 && from >= bytes) {
      return context.body(null, 416, { 'Content-Range': `bytes */${bytes}` })
    }
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(bytes - from),
      'Accept-Ranges': 'bytes',
      'Cache-Control': CACHING,
      ...(from > 0 && { 'Content-Range': `bytes ${from}-${bytes - 1}/${bytes}` }),
    }
    const status = from > 0 ? 206 : 200
    // Hono answers HEAD by the handler of GET, and drops the body: nobody would close the file.
    if (context.req.method === 'HEAD') return context.body(null, status, headers)
    if (sending >= DOWNLOADS_MAX) return context.text('Too many fetch: come back', 503)
    sending += 1
    const stream = createReadStream(path, { start: from })
    stream.once('close', () => {
      sending -= 1
    })
    return context.body(Readable.toWeb(stream) as ReadableStream, status, headers)
  }
}

/**
 * The first byte of `bytes=123-`, the one kind of range that a broken fetch asks for; else that of
 * all.
 */
function firstByte(context: Context): number {
  const [, from] = /^bytes=(\d{1,15})-$/.exec(context.req.header('Range') ?? '') ?? []
  return from === undefined ? 0 : Number(from)
}
