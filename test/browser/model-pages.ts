/** The pages of a read model, with no run behind it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { ReadModel } from '../../node/dashboard/read-model.ts'
import { createPages } from '../../node/dashboard/server.ts'
import { runFolder } from '../../node/run/run-folder.ts'

const LINK = 'barnraise:/ip4/192.168.1.7/tcp/4001/ws/p2p/12D3KooW#0123456789abcdef.secret'

/** Serves until the test ends or `close` is called. */
export async function servePages(
  model: ReadModel,
): Promise<{ address: string; close(): Promise<void> }> {
  const invitation = { run: model.run.runId, coordinator: '12D3KooW', link: LINK }
  const pages = createPages({ model, invitation, admin: 'admin', folder: runFolder('none') })
  const server = createServer(pages.answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async () => {
    pages.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(close)
  const { port } = server.address() as AddressInfo
  return { address: `http://127.0.0.1:${port}/`, close }
}
