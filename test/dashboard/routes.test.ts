/** What the dashboard answers over HTTP: its stream, its figures, its files, and nothing else. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createDashboard } from '../../node/dashboard/routes.ts'
import { applyChanges, emptyTables } from '../../node/dashboard/rows.ts'
import { createPages } from '../../node/dashboard/server.ts'
import { createTryFiles } from '../../node/dashboard/try-files.ts'
import { connect } from '../../node/network/dial.ts'
import { pageAddress } from '../../node/network/link.ts'
import { localTransports } from '../../node/network/transports.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { addressesOf, testHost } from '../network/hosts.ts'
import { playTranscript } from './transcript-events.ts'

const { model } = playTranscript('coordinator-merge.txt')
const LINK = 'barnraise:/ip4/127.0.0.1/tcp/1/p2p/x#run.token'
const DOORS = { invitation: { coordinator: 'x', run: 'run', link: LINK }, admin: 'secret' }
const PAGES = join(import.meta.dirname, '..', '..', 'node', 'dashboard', 'dist')

function dashboardOf() {
  const exportRound = async (round: number) => (round === 1 ? Uint8Array.of(80, 75) : null)
  const tryFiles = createTryFiles(runFolder('none'), model)
  const dashboard = createDashboard({ ...DOORS, model, pages: PAGES, exportRound, tryFiles })
  onTestFinished(dashboard.close)
  return dashboard.app
}

for (const [path, status, type] of [
  ['/', 200, 'text/html; charset=utf-8'],
  ['/metrics', 200, 'text/plain'],
  ['/adapter/1.zip', 200, 'application/zip'],
  ['/adapter/2.zip', 404, 'text/plain'],
  ['/adapter/x.zip', 404, 'text/plain'],
  ['/try/plan', 403, 'text/plain'],
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

for (const [word, link] of [
  ['Bearer secret', LINK],
  ['Bearer guess', null],
  ['', null],
] as const) {
  test(`whoever says '${word}' sees ${link === null ? 'no link' : 'the link'}`, async () => {
    const headers = { Authorization: word }
    const response = await dashboardOf().request('/invitation', { headers })
    expect(await response.json()).toEqual({ ...DOORS.invitation, link })
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

test('pages and swarm share a port', async () => {
  const { answer, close } = createPages({ ...DOORS, model, folder: runFolder('none') })
  const host = await testHost('websocket', 'coordinator', {
    transports: localTransports({ onRequest: answer }),
  })
  onTestFinished(close)
  const [address = ''] = addressesOf(host)
  const response = await fetch(`${pageAddress(address)}invitation`)
  expect(await response.json()).toMatchObject({ run: 'run' })
  const volunteer = await testHost('websocket', 'volunteer')
  const connection = await connect(volunteer, [address])
  expect(connection.remotePeer).toEqual(host.peerId)
})
