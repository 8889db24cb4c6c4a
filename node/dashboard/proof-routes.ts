/**
 * What proves the run, for whoever holds a link that lets in: a volunteer fetches base and data as
 * well, and an outsider has what was published.
 */
import type { Context, Hono } from 'hono'
import { CONFIG_FILE, INDEX_FILE, JOURNAL_FILE } from '../run/publication.ts'
import { RECEIPTS_FOLDER } from '../run/receipt-path.ts'
import type { ProofFiles } from './proof-files.ts'
import { createFileSender } from './send-file.ts'

export interface ProofRoutesOptions {
  files: ProofFiles
  /** Judges the header `Authorization`. */
  mayCheck(authorization: string): Promise<boolean>
}

const BINARY = 'application/octet-stream'

export function addProofRoutes(app: Hono, { files, mayCheck }: ProofRoutesOptions): void {
  const send = createFileSender()

  app.use('/proof/*', async (context, next) => {
    if (await mayCheck(context.req.header('Authorization') ?? '')) return next()
    return context.text('Only who holds the link to join may check the run here', 403)
  })
  const whole = (path: string, type: string, read: () => Promise<Uint8Array>) =>
    app.get(`/proof/${path}`, async (context) => sendWhole(context, type, await read()))
  whole(INDEX_FILE, 'application/json', files.index)
  whole(CONFIG_FILE, BINARY, files.config)
  whole(JOURNAL_FILE, BINARY, files.journal)
  app.get(`/proof/${RECEIPTS_FOLDER}/:peer{\\w{1,128}}`, async (context) => {
    const receipt = await files.receipt(context.req.param('peer'))
    if (receipt !== null) return sendWhole(context, 'application/json', receipt)
    return context.text('Nothing of its work counts: it is in no round that is merged', 404)
  })
  app.get('/proof/blobs/:part{[0-9a-f]{2}}/:digest{[0-9a-f]{64}}', async (context) => {
    const found = await files.find(context.req.param('digest'))
    if (found === null) return context.text('There is no such blob of this run', 404)
    return send(context, found)
  })
}

function sendWhole(context: Context, type: string, bytes: Uint8Array): Response {
  const headers = { 'Content-Type': type, 'Cache-Control': 'no-store' }
  return context.body(bytes as Uint8Array<ArrayBuffer>, 200, headers)
}
