/**
 * What the dashboard asks for over HTTP: the stream of changes, the metrics, the adapter of a
 * round, what trying the model takes, and its own pages. Everything is read-only.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { streamSSE } from 'hono/streaming'
import { createFeed, WATCHERS_MAX } from './feed.ts'
import { createMetrics } from './metrics.ts'
import type { ReadModel } from './read-model.ts'
import type { TryFiles } from './try-files.ts'
import { addTryRoutes } from './try-routes.ts'

/** How a page of this coordinator joins its run. */
export interface Invitation {
  /** The coordinator's PeerId. */
  coordinator: string
  run: string
  /** The link that volunteers join by, its token included; null for all but the organiser. */
  link: string | null
}

export interface DashboardOptions {
  model: ReadModel
  invitation: Invitation
  /** Whoever knows this word may see the link. */
  admin: string
  /** Folder of the built pages. */
  pages: string
  /** A zip of the PEFT folder after so many rounds; null: there is none. */
  exportRound(round: number): Promise<Uint8Array | null>
  tryFiles: TryFiles
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}
/** Nothing from elsewhere, and nobody frames it. Our own WebSocket has a scheme of its own. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'"
/** Names of built files change with what is in them, but for the page's own. */
const FOR_EVER = 'public, max-age=31536000, immutable'

export function createDashboard(options: DashboardOptions): { app: Hono; close(): void } {
  const { model, invitation, admin, pages, exportRound, tryFiles } = options
  const feed = createFeed(model)
  const rounds = () => model.changesFrom(null).rounds
  const metrics = createMetrics({ run: model.run, rounds })
  const app = new Hono()

  app.use(async (context, next) => {
    await next()
    context.header('Content-Security-Policy', POLICY)
    context.header('X-Content-Type-Options', 'nosniff')
    context.header('Referrer-Policy', 'no-referrer')
    // Threads of a page share memory only if it is isolated.
    context.header('Cross-Origin-Opener-Policy', 'same-origin')
    context.header('Cross-Origin-Embedder-Policy', 'require-corp')
  })
  app.get('/metrics', async (context) =>
    context.body(await metrics.scrape(), 200, { 'Content-Type': metrics.contentType }),
  )
  app.get('/invitation', (context) => {
    const isOrganiser = isSame(context.req.header('Authorization') ?? '', `Bearer ${admin}`)
    return context.json({ ...invitation, link: isOrganiser ? invitation.link : null })
  })
  app.get('/events', (context) => {
    if (feed.watcherCount >= WATCHERS_MAX) return context.text('Too many watch: come back', 503)
    const lastId = context.req.header('Last-Event-ID') ?? context.req.query('after') ?? null
    return streamSSE(context, async (stream) => {
      const ended = Promise.withResolvers<void>()
      const send = (id: string, data: string) => void stream.writeSSE({ id, data })
      const stop = feed.watch({ send }, lastId)
      stream.onAbort(() => ended.resolve())
      await ended.promise.finally(stop)
    })
  })
  app.get('/adapter/:file{[0-9]{1,6}\\.zip}', async (context) => {
    const round = Number.parseInt(context.req.param('file'), 10)
    const zip = await exportRound(round)
    if (zip === null) return context.text(`There is no adapter of round ${round} yet`, 404)
    const disposition = `attachment; filename="adapter-round-${round}.zip"`
    return context.body(zip as Uint8Array<ArrayBuffer>, 200, {
      ...{ 'Content-Type': 'application/zip', 'Content-Disposition': disposition },
    })
  })
  const word = invitation.link?.split('#')[1] ?? null
  addTryRoutes(app, {
    files: tryFiles,
    mayTry: (authorization) => word !== null && isSame(authorization, `Bearer ${word}`),
  })
  app.use('/:file', compress())
  app.get('/:file{[\\w-]*(\\.[a-z]+)?}', async (context) => {
    const file = context.req.param('file') || 'index.html'
    const bytes = await readFile(join(pages, file)).catch(() => null)
    if (bytes === null) return context.text('There is no such page', 404)
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    const caching = file === 'index.html' ? 'no-cache' : FOR_EVER
    return context.body(bytes, 200, { 'Content-Type': type, 'Cache-Control': caching })
  })
  return { app, close: feed.close }
}

/** In a time that tells nothing of how much of it was right. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
