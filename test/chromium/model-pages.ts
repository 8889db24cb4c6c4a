/** The pages of a read model, with no run behind it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { createPages } from '../../node/dashboard/server.ts'
import type { ReadModel } from '../../node/history/read-model.ts'
import type { Order } from '../../node/roles/orders.ts'
import { runFolder } from '../../node/run/run-folder.ts'

const LINK = 'barnraise:/ip4/192.168.1.7/tcp/4001/ws/p2p/12D3KooW#0123456789abcdef.secret'

/** Serves until the test ends or `close` is called. */
export async function servePages(
  model: ReadModel,
): Promise<{ address: string; close(): Promise<void> }> {
  const invitation = {
    run: model.run.runId,
    coordinator: '12D3KooW',
    kind: 'link',
    link: LINK,
  } as const
  const isInvited = async (word: string) => word === LINK.split('#')[1]
  const order = async ({ type }: Order) => ({ accepted: true, said: [`it is ${type}`] })
  const doors = { invitation, isInvited, order, admin: 'admin' }
  const pages = createPages({ model, ...doors, folder: runFolder('none') })
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
