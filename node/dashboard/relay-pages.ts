/**
 * The pages as a relay has them: files, and whose they are. What they show they ask of the run
 * itself, over libp2p, so the relay neither sees it nor could tell it.
 */
import type { RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { PeerId } from '../../protocol/index.ts'
import { RELAY_PATH } from '../network/page-link.ts'
import { addHeaders, addPages, BUILT } from './static-pages.ts'

/** @param relay its peer id */
export function relayPages(relay: PeerId): RequestListener {
  const app = new Hono()
  addHeaders(app)
  app.get(`/${RELAY_PATH}`, (context) => context.json({ relay }))
  addPages(app, BUILT)
  return getRequestListener(app.fetch)
}
