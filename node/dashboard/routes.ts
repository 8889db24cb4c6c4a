/**
 * What the dashboard asks for over HTTP: the stream of changes, the metrics, the adapter of a
 * round, and its own pages. Everything is read-only.
 */
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { createFeed, WATCHERS_MAX } from './feed.ts'
import { createMetrics } from './metrics.ts'
import type { ReadModel } from './read-model.ts'

export interface DashboardOptions {
  model: ReadModel
  /** The link that volunteers join by, its token included; null: not everyone here may see it. */
  link: string | null
  /** Folder of the built pages. */
  pages: string
  /** A zip of the PEFT folder after so many rounds; null: there is none. */
  exportRound(round: number): Promise<Uint8Array | null>
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
/** Nothing from elsewhere, and nobody frames it. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export function createDashboard(options: DashboardOptions): { app: Hono; close(): void } {
  const { model, link, pages, exportRound } = options
  const feed = createFeed(model)
  const rounds = () => model.changesFrom(null).rounds
  const metrics = createMetrics({ run: model.run, rounds })
  const app = new Hono()

  app.use(async (context, next) => {
    await next()
    context.header('Content-Security-Policy', POLICY)
    context.header('X-Content-Type-Options', 'nosniff')
    context.header('Referrer-Policy', 'no-referrer')
  })
  app.get('/metrics', async (context) =>
    context.body(await metrics.scrape(), 200, { 'Content-Type': metrics.contentType }),
  )
  app.get('/invitation', (context) => context.json({ link }))
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
  app.get('/:file{[\\w-]*(\\.[a-z]+)?}', async (context) => {
    const file = context.req.param('file') || 'index.html'
    const bytes = await readFile(join(pages, file)).catch(() => null)
    if (bytes === null) return context.text('There is no such page', 404)
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    return context.body(bytes, 200, { 'Content-Type': type })
  })
  return { app, close: feed.close }
}
