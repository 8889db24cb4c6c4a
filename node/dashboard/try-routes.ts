/**
 * What `Try it` fetches. The base goes to whoever may join, as it does between peers: a base may be
 * one that not everybody is to have, and its bytes cost the coordinator's line.
 */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { Context, Hono } from 'hono'
import type { TryFiles } from './try-files.ts'

export interface TryRoutesOptions {
  files: TryFiles
  /** Judges the header `Authorization`. */
  mayTry(authorization: string): boolean
}

/** Files that are sent at the same time. */
export const TRY_DOWNLOADS_MAX = 32
/** A digest names the same bytes for ever, but only for who may have them. */
const CACHING = 'private, max-age=31536000, immutable'

export function addTryRoutes(app: Hono, { files, mayTry }: TryRoutesOptions): void {
  let sending = 0

  app.use('/try/*', async (context, next) => {
    if (mayTry(context.req.header('Authorization') ?? '')) return next()
    return context.text('Only who holds the link to join may try the model', 403)
  })
  app.get('/try/plan', async (context) => {
    context.header('Cache-Control', 'no-store')
    return context.json(await files.plan())
  })
  app.get('/try/files/:digest{[0-9a-f]{64}}', async (context) => {
    const found = await files.find(context.req.param('digest'))
    if (found === null) return context.text('There is no such file of this run', 404)
    const { path, bytes } = found
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
    if (context.req.method === 'HEAD') return context.body(null, status, headers)
    if (sending >= TRY_DOWNLOADS_MAX) return context.text('Too many fetch: come back', 503)
    sending += 1
    const stream = createReadStream(path, { start: from })
    stream.once('close', () => {
      sending -= 1
    })
    return context.body(Readable.toWeb(stream) as ReadableStream, status, headers)
  })
}

/** Of `bytes=123-`, the one kind of range that a broken fetch asks for; else the first of all. */
function firstByte(context: Context): number {
  const [, from] = /^bytes=(\d{1,15})-$/.exec(context.req.header('Range') ?? '') ?? []
  return from === undefined ? 0 : Number(from)
}
