/**
 * What the dashboard asks for over HTTP: the stream of changes, the metrics, the adapter of a
 * round, what trying the model takes, and its own pages. All is read-only but what an organiser's
 * page decides about volunteers.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { streamSSE } from 'hono/streaming'
import type { ReadModel } from '../history/read-model.ts'
import { networkOf } from '../network/network-of.ts'
import { banSchema } from '../roles/order-schema.ts'
import type { AdapterZips } from './adapter-zips.ts'
import type { Ban, BanAnswer } from './ban.ts'
import { createFeed } from './feed.ts'
import type { Invitation, ShownInvitation } from './invitation.ts'
import { createMetrics } from './metrics.ts'
import type { ProofFiles } from './proof-files.ts'
import { addProofRoutes } from './proof-routes.ts'
import { addHeaders, addPages } from './static-pages.ts'
import type { TryFiles } from './try-files.ts'
import { addTryRoutes } from './try-routes.ts'

export interface DashboardOptions {
  model: ReadModel
  invitation: Invitation
  /** Whether what follows the # of a link lets in whoever holds it. */
  isInvited(word: string): Promise<boolean>
  order(ban: Ban): Promise<BanAnswer>
  /** Whoever knows this word may see the link, ban volunteers, and let them in again. */
  admin: string
  /** Folder of the built pages. */
  pages: string
  /** The PEFT folder after so many rounds. */
  adapterZips: AdapterZips
  tryFiles: TryFiles
  proofFiles: ProofFiles
}

/** A peer's id and a reason, with room to spare. */
const ORDER_BYTES_MAX = 4_096
export function createDashboard(options: DashboardOptions): { app: Hono; close(): void } {
  const { model, invitation, isInvited, order, admin, pages, adapterZips, tryFiles, proofFiles } =
    options
  const feed = createFeed(model)
  const rounds = () => model.changesFrom(null).rounds
  const metrics = createMetrics({ run: model.run, rounds })
  const app = new Hono()

  addHeaders(app)
  app.get('/metrics', async (context) =>
    context.body(await metrics.scrape(), 200, { 'Content-Type': metrics.contentType }),
  )
  const isAdmin = (given: string | null) => isSame(given ?? '', `Bearer ${admin}`)
  app.post('/order', bodyLimit({ maxSize: ORDER_BYTES_MAX }), async (context) => {
    if (!isAdmin(context.req.header('Authorization') ?? null)) {
      return context.text('Only the organiser decides about volunteers', 403)
    }
    const given = await context.req.json().catch(() => null)
    const ordered = banSchema.safeParse(given)
    if (!ordered.success) return context.text('It is no order of this version', 400)
    return context.json(await order(ordered.data))
  })
  app.get('/invitation', (context) => {
    const given = context.req.header('Authorization') ?? null
    const isOrganiser = isAdmin(given)
    const shown: ShownInvitation = {
      ...invitation,
      link: isOrganiser || invitation.kind === 'open' ? invitation.link : null,
      word: given === null ? 'none' : isOrganiser ? 'right' : 'wrong',
    }
    return context.json(shown)
  })
  app.get('/events', (context) => {
    const address = addressOf(context)
    if (!feed.hasPlace(address)) return context.text('Too many watch: come back', 503)
    const lastId = context.req.header('Last-Event-ID') ?? context.req.query('after') ?? null
    return streamSSE(context, async (stream) => {
      const ended = Promise.withResolvers<void>()
      const send = (id: string, data: string) => void stream.writeSSE({ id, data })
      const stop = feed.watch({ address, send }, lastId)
      stream.onAbort(() => ended.resolve())
      await ended.promise.finally(stop)
    })
  })
  app.get('/adapter/:file{[0-9]{1,6}\\.zip}', async (context) => {
    const round = Number.parseInt(context.req.param('file'), 10)
    const made = await adapterZips.zipOf(round, context.req.raw.signal)
    if (made.status === 'none')
      return context.text(`There is no adapter of round ${round} yet`, 404)
    if (made.status === 'busy') {
      return context.text('Too many adapters are asked for: come back', 503)
    }
    const disposition = `attachment; filename="adapter-round-${round}.zip"`
    return context.body(slicesOf(made.zip), 200, {
      'Content-Type': 'application/zip',
      'Content-Length': String(made.zip.length),
      'Content-Disposition': disposition,
    })
  })
  const isBearerInvited = async (authorization: string) => {
    const [, word] = /^Bearer (.+)$/.exec(authorization) ?? []
    return word !== undefined && isInvited(word)
  }
  addTryRoutes(app, { files: tryFiles, mayTry: isBearerInvited })
  addProofRoutes(app, { files: proofFiles, mayCheck: isBearerInvited })
  addPages(app, pages)
  return { app, close: feed.close }
}

/**
 * Whose share of the places a request takes: an address, of IPv6 its network, as everybody there
 * has many. What comes from this machine may come through a reverse proxy, which says for whom;
 * null where it does not.
 */
function addressOf({ env, req }: Context): string | null {
  const { remoteAddress = '' } = (env as Partial<HttpBindings> | undefined)?.incoming?.socket ?? {}
  const isHere = ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(remoteAddress)
  // Whatever stands further left was said by whoever asked.
  const told = isHere ? req.header('X-Forwarded-For')?.split(',').at(-1)?.trim() : remoteAddress
  return told ? networkOf(told) : null
}

const SLICE_BYTES = 64 * 1024

/** Bytes that all downloads share: none of them has a copy of its own. */
function slicesOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + SLICE_BYTES))
      at += SLICE_BYTES
      if (at >= bytes.length) controller.close()
    },
  })
}

/** Compares in a time that tells nothing of how much of it was right. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
