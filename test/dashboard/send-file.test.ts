/** Every way to ask for a file by its digest leaves room for the next who asks. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import type { ProofFiles } from '../../node/dashboard/proof-files.ts'
import { addProofRoutes } from '../../node/dashboard/proof-routes.ts'
import { DOWNLOADS_MAX } from '../../node/dashboard/send-file.ts'
import type { TryFiles } from '../../node/dashboard/try-files.ts'
import { addTryRoutes } from '../../node/dashboard/try-routes.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const DIGEST = 'ab'.repeat(32)

async function site(): Promise<Hono> {
  const path = join(await temporaryFolder(), 'file')
  await writeFile(path, 'the bytes')
  const find = async () => ({ path, bytes: 9 })
  const app = new Hono()
  addProofRoutes(app, { files: { find } as unknown as ProofFiles, mayCheck: async () => true })
  addTryRoutes(app, { files: { find } as unknown as TryFiles, mayTry: async () => true })
  return app
}

for (const path of [`/proof/blobs/ab/${DIGEST}`, `/try/files/${DIGEST}`]) {
  test(`${path.slice(0, 12)}…: who asks how long a file is holds no place`, async () => {
    const app = await site()
    for (let asked = 0; asked <= DOWNLOADS_MAX; asked++) {
      const { status, headers } = await app.request(path, { method: 'HEAD' })
      expect([status, headers.get('Content-Length')]).toEqual([200, '9'])
    }
    expect(await (await app.request(path)).text()).toBe('the bytes')
  })

  test(`${path.slice(0, 12)}…: so many are sent at a time; who leaves makes room`, async () => {
    const app = await site()
    const all = Array.from({ length: DOWNLOADS_MAX }, () => app.request(path))
    const responses = await Promise.all(all)
    expect((await app.request(path)).status).toBe(503)
    await Promise.all(responses.map(({ body }) => body!.cancel()))
    const again = async () => (await app.request(path)).status
    await expect.poll(again, { timeout: 60_000 }).toBe(200)
  })
}
