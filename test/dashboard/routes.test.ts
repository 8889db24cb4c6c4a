/** What the dashboard answers over HTTP: its stream, its figures, its files, and nothing else. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createDashboard, type DashboardOptions } from '../../node/dashboard/routes.ts'
import { applyChanges, emptyTables } from '../../node/dashboard/rows.ts'
import { serveDashboard } from '../../node/dashboard/server.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { playTranscript } from './transcript-events.ts'

const { model } = playTranscript('coordinator-merge.txt')
const LINK = 'barnraise:/ip4/127.0.0.1/tcp/1/p2p/x#run.token'
const PAGES = join(import.meta.dirname, '..', '..', 'node', 'dashboard', 'dist')

function dashboardOf(options: Partial<DashboardOptions> = {}) {
  const exportRound = async (round: number) => (round === 1 ? Uint8Array.of(80, 75) : null)
  const dashboard = createDashboard({ model, link: LINK, pages: PAGES, exportRound, ...options })
  onTestFinished(dashboard.close)
  return dashboard.app
}

for (const [path, status, type] of [
  ['/', 200, 'text/html; charset=utf-8'],
  ['/metrics', 200, 'text/plain'],
  ['/adapter/1.zip', 200, 'application/zip'],
  ['/adapter/2.zip', 404, 'text/plain'],
  ['/adapter/x.zip', 404, 'text/plain'],
  ['/token', 404, 'text/plain'],
  ['/..%2Froutes.ts', 404, 'text/plain'],
] as const) {
  test(`${path} is answered ${status}`, async () => {
    const response = await dashboardOf().request(path)
    expect(response.status).toBe(status)
    expect(response.headers.get('Content-Type')).toContain(type)
    expect(response.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
  })
}

for (const link of [LINK, null]) {
  test(`the link is shown where it may be seen: ${link}`, async () => {
    const response = await dashboardOf({ link }).request('/invitation')
    expect(await response.json()).toEqual({ link })
  })
}

/** The first event of the stream. */
async function firstEvent(lastId: string | null) {
  const headers = lastId === null ? {} : { 'Last-Event-ID': lastId }
  const { body } = await dashboardOf().request('/events', { headers })
  const reader = body!.getReader()
  onTestFinished(() => reader.cancel())
  const text = new TextDecoder().decode((await reader.read()).value)
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)![1]!
  return { id: field('id'), changes: JSON.parse(field('data')) }
}

test('a stream begins with all there is, and goes on from what was seen', async () => {
  const first = await firstEvent(null)
  const tables = emptyTables()
  applyChanges(tables, first.changes)
  expect(first.changes.reset).toBe(true)
  expect([...tables.leases.values()]).toEqual(model.changesFrom(null).leases)
  const next = await firstEvent(first.id)
  expect(next.changes).toEqual(model.changesFrom(model.run.seq))
  expect((await firstEvent('other:1')).changes.reset).toBe(true)
})

test('a port that is taken is an error, and nothing is left open', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  onTestFinished(() => void other.close())
  const { port } = other.address() as { port: number }
  const where = { host: '127.0.0.1', port, link: LINK, folder: runFolder('none') }
  await expect(serveDashboard({ ...where, model })).rejects.toThrow('EADDRINUSE')
})
