/** What the dashboard answers over HTTP: its stream, its figures, its files, and nothing else. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { createAdapterZips } from '../../node/dashboard/adapter-zips.ts'
import { WATCHERS_MAX, WATCHERS_PER_ADDRESS_MAX } from '../../node/dashboard/feed.ts'
import { createProofFiles } from '../../node/dashboard/proof-files.ts'
import { createDashboard } from '../../node/dashboard/routes.ts'
import { createPages } from '../../node/dashboard/server.ts'
import { createTryFiles } from '../../node/dashboard/try-files.ts'
import { applyChanges, emptyTables } from '../../node/history/rows.ts'
import { connect } from '../../node/network/dial.ts'
import { pageAddress } from '../../node/network/link.ts'
import { localTransports } from '../../node/network/transports.ts'
import type { Order } from '../../node/roles/orders.ts'
import { runFolder } from '../../node/run/run-folder.ts'
import { playTranscript } from '../history/transcript-events.ts'
import { addressesOf, testHost } from '../network/hosts.ts'

const { model } = playTranscript('coordinator-merge.txt')
const LINK = 'barnraise:/ip4/127.0.0.1/tcp/1/p2p/x#run.token'
const DOORS = {
  invitation: { coordinator: 'x', run: 'run', kind: 'link', link: LINK },
  isInvited: async (word: string) => word === 'run.token',
  order: async ({ type }: Order) => ({ accepted: true, said: [type] }),
  admin: 'secret',
} as const
const PAGES = join(import.meta.dirname, '..', '..', 'node', 'browser', 'dist')

function dashboardOf() {
  const adapterZips = createAdapterZips(async (round) =>
    round === 1 ? Uint8Array.of(80, 75) : null,
  )
  const tryFiles = createTryFiles(runFolder('none'), model)
  const proofFiles = createProofFiles(runFolder('none'), model)
  const files = { adapterZips, tryFiles, proofFiles }
  const dashboard = createDashboard({ ...DOORS, ...files, model, pages: PAGES })
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
  ['/proof/publication.json', 403, 'text/plain'],
  [`/proof/blobs/ab/${'ab'.repeat(32)}`, 403, 'text/plain'],
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

const scriptOfPage = readdirSync(PAGES).find((name) => /^index-.{8}\.js$/.test(name))

for (const [path, type, caching] of [
  ['/', 'text/html', 'no-cache'],
  ['/index.html', 'text/html', 'no-cache'],
  ['/service-worker.js', 'text/javascript', 'no-cache'],
  ['/app.webmanifest', 'application/manifest+json', 'no-cache'],
  ['/icon-192.png', 'image/png', 'no-cache'],
  ['/icon-maskable-512.png', 'image/png', 'no-cache'],
  [`/${scriptOfPage}`, 'text/javascript', 'public, max-age=31536000, immutable'],
] as const) {
  test(`browsers keep ${path}: ${caching}`, async () => {
    const { status, headers } = await dashboardOf().request(path)
    expect(status).toBe(200)
    expect(headers.get('Content-Type')).toContain(type)
    expect(headers.get('Cache-Control')).toBe(caching)
    expect(headers.get('Content-Security-Policy')).toMatch(
      /worker-src 'self';.*manifest-src 'self'/,
    )
  })
}

// Whoever parses an address takes such parts out, so the server hears what was asked beside it.
for (const [asked, path, status] of [
  ['/.', '/', 404],
  ['/..', '/', 404],
  ['/a/../?x', '/?x', 404],
  ['/?x=/.', '/?x=/.', 200],
  ['/', '/', 200],
] as const) {
  test(`${asked}, as it came, is answered ${status}`, async () => {
    const env = { incoming: { url: asked } }
    const response = await dashboardOf().request(path, {}, env)
    expect(response.status).toBe(status)
  })
}

for (const [given, link, word] of [
  ['Bearer secret', LINK, 'right'],
  ['Bearer of an earlier start', null, 'wrong'],
  [null, null, 'none'],
] as const) {
  const sees = link === null ? 'no link' : 'the link'
  test(`whoever says ${given ?? 'nothing'} sees ${sees}`, async () => {
    const headers: Record<string, string> = given === null ? {} : { Authorization: given }
    const response = await dashboardOf().request('/invitation', { headers })
    expect(await response.json()).toEqual({ ...DOORS.invitation, link, word })
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

/** Watches from an address, for the rest of the test: whether there was a place. */
async function watch(app: Hono, remoteAddress: string, forwarded?: string): Promise<boolean> {
  const headers: Record<string, string> = {}
  if (forwarded !== undefined) headers['X-Forwarded-For'] = forwarded
  const env = { incoming: { socket: { remoteAddress } } }
  const { status, body } = await app.request('/events', { headers }, env)
  onTestFinished(() => body?.cancel())
  expect([200, 503]).toContain(status)
  return status === 200
}

for (const [who, first, same, stranger] of [
  ['an address', ['192.0.2.1'], ['192.0.2.1', '192.0.2.9'], ['192.0.2.2']],
  ['a household', ['2001:db8::1'], ['2001:db8::ffff'], ['2001:db8:0:1::1']],
  ['one behind a proxy', ['::1', '192.0.2.1'], ['::1', 'x, 192.0.2.1'], ['::1', '192.0.2.2']],
] as [string, [string, string?], [string, string?], [string, string?]][]) {
  test(`${who} gets a share of the places to watch`, async () => {
    const app = dashboardOf()
    for (let index = 0; index < WATCHERS_PER_ADDRESS_MAX; index++) {
      expect(await watch(app, ...first), `${index}`).toBe(true)
    }
    expect(await watch(app, ...same)).toBe(false)
    expect(await watch(app, ...stranger)).toBe(true)
  })
}

test('where nobody knows the address, all places may be taken', async () => {
  const app = dashboardOf()
  for (let index = 0; index < WATCHERS_MAX; index++) {
    expect(await watch(app, '127.0.0.1'), `${index}`).toBe(true)
  }
  expect(await watch(app, '127.0.0.1')).toBe(false)
  expect(await watch(app, '192.0.2.1')).toBe(false)
})

for (const [what, word, body, status] of [
  ['the organiser bans', 'secret', '{"type":"kicked","peer":"x","reason":""}', 200],
  ['and lets in again', 'secret', '{"type":"unbanned","peer":"x"}', 200],
  ['others do not', 'run.token', '{"type":"unbanned","peer":"x"}', 403],
  ['a page does nothing else', 'secret', '{"type":"rewound","round":0}', 400],
  ['what is no order', 'secret', '{', 400],
  ['what is too long', 'secret', `"${'x'.repeat(5_000)}"`, 413],
] as const) {
  test(`an order: ${what}`, async () => {
    const headers = { Authorization: `Bearer ${word}`, 'Content-Length': `${body.length}` }
    const options = { method: 'POST', headers, body }
    const response = await dashboardOf().request('/order', options)
    expect(response.status).toBe(status)
    if (status !== 200) return
    expect(await response.json()).toEqual({ accepted: true, said: [JSON.parse(body).type] })
  })
}

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
