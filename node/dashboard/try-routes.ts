/**
 * What `Try it` fetches. The base goes to whoever holds a link that lets in: a base may be one that
 * not everybody is to have, and its bytes cost the coordinator's line.
 */
import type { Hono } from 'hono'
import { createFileSender } from './send-file.ts'
import type { TryFiles } from './try-files.ts'

export interface TryRoutesOptions {
  files: TryFiles
  /** Judges the header `Authorization`. */
  mayTry(authorization: string): Promise<boolean>
}

export function addTryRoutes(app: Hono, { files, mayTry }: TryRoutesOptions): void {
  const send = createFileSender()

  app.use('/try/*', async (context, next) => {
    if (await mayTry(context.req.header('Authorization') ?? '')) return next()
    return context.text('Only who holds the link to join may try the model', 403)
  })
  app.get('/try/plan', async (context) => {
    context.header('Cache-Control', 'no-store')
    return context.json(await files.plan())
  })
  app.get('/try/files/:digest{[0-9a-f]{64}}', async (context) => {
    const found = await files.find(context.req.param('digest'))
    if (found === null) return context.text('There is no such file of this run', 404)
    return send(context, found)
  })
}
