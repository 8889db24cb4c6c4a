/** The built pages as files, and the headers under which browsers let them do what they do. */
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import { compress } from 'hono/compress'

/** Made by `npm run prepare`, which `npm ci` runs. */
export const BUILT = join(import.meta.dirname, '../browser/dist')

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
}
/**
 * Nothing from elsewhere but the bytes of the base, whose mirrors a run names as it goes on and
 * lead on to others; and nobody frames it. Our own WebSocket has a scheme of its own.
 */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "style-src 'self'; connect-src 'self' https: ws: wss:; img-src 'self' data:; " +
  "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/** Names of built files change with what is in them, but for those that are known by their name. */
const FOR_EVER = 'public, max-age=31536000, immutable'
const KNOWN_BY_NAME = /^(?:index\.html|service-worker\.js|app\.webmanifest|icon-.*\.png)$/

export function addHeaders(app: Hono): void {
  app.use(async (context, next) => {
    await next()
    context.header('Content-Security-Policy', POLICY)
    context.header('X-Content-Type-Options', 'nosniff')
    context.header('Referrer-Policy', 'no-referrer')
    // Threads of a page share memory only if it is isolated.
    context.header('Cross-Origin-Opener-Policy', 'same-origin')
    context.header('Cross-Origin-Embedder-Policy', 'require-corp')
  })
}

/** @param folder of the built pages */
export function addPages(app: Hono, folder: string): void {
  app.use('/:file', compress())
  app.get('/:file{[\\w-]*(\\.[a-z]+)?}', async (context) => {
    if (hasDots(context)) return context.text('There is no such page', 404)
    const file = context.req.param('file') || 'index.html'
    const bytes = await readFile(join(folder, file)).catch(() => null)
    if (bytes === null) return context.text('There is no such page', 404)
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    const caching = KNOWN_BY_NAME.test(file) ? 'no-cache' : FOR_EVER
    return context.body(bytes, 200, { 'Content-Type': type, 'Cache-Control': caching })
  })
}

/** Whether the path as it was asked for leads about, as `/.` and `/a/..` do to the page itself. */
function hasDots({ env }: Context): boolean {
  const { url = '' } = (env as Partial<HttpBindings> | undefined)?.incoming ?? {}
  return /^[^?]*\/\.{1,2}(?:[/?]|$)/.test(url)
}
