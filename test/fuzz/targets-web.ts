/** What comes over HTTP: requests to the pages, and what pages, streams and the Hub answer. */

import { METHODS } from 'node:http'
import { createAdapterZips } from '../../node/dashboard/adapter-zips.ts'
import { createDashboard } from '../../node/dashboard/routes.ts'
import { followRun, nothingSeen } from '../../node/history/events.ts'
import type { Changes } from '../../node/history/rows.ts'
import { fetchSnapshot } from '../../node/hub/hub.ts'
import { findInvite } from '../../node/network/page-link.ts'
import { ConfigError, ProtocolError } from '../../protocol/index.ts'
import { createCrowd } from '../dashboard/crowd.ts'
import { folderOfThread } from './folder.ts'
import { jsonBytes, type Target, textBytes, textOf } from './target.ts'

/** Made when it is first asked for, since it is awake from then on. */
let dashboard: ReturnType<typeof makeDashboard> | null = null

function makeDashboard() {
  const { model, work, merge } = createCrowd(2)
  work()
  merge()
  const link = 'barnraise:/ip4/127.0.0.1/tcp/1/p2p/x#run.token'
  const adapterZips = createAdapterZips(async (round) => (round === 1 ? new Uint8Array(2) : null))
  const { app } = createDashboard({
    invitation: { coordinator: 'x', run: 'run', kind: 'link', link },
    isInvited: async (word) => word === 'run.token',
    order: async ({ type }) => ({ accepted: true, said: [type] }),
    admin: 'secret',
    model,
    pages: import.meta.dirname,
    adapterZips,
    tryFiles: { plan: async () => ({}) as never, find: async () => null },
    proofFiles: {
      index: async () => new Uint8Array(2),
      config: async () => new Uint8Array(2),
      journal: async () => new Uint8Array(2),
      receipt: async () => new Uint8Array(2),
      find: async () => null,
    },
  })
  return { app, model }
}

function theDashboard(): ReturnType<typeof makeDashboard> {
  dashboard ??= makeDashboard()
  return dashboard
}

const REQUESTS = [
  'GET /',
  'GET /metrics',
  'GET /invitation\nAuthorization: Bearer secret',
  'GET /events\nLast-Event-ID: 0123456789abcdef:3',
  'GET /events?after=1:2\nX-Forwarded-For: a, 192.0.2.1',
  'GET /adapter/1.zip\nAccept-Encoding: gzip',
  'GET /try/plan\nAuthorization: Bearer run.token',
  `GET /try/files/${'a'.repeat(64)}\nAuthorization: Bearer run.token\nRange: bytes=5-`,
  'GET /proof/publication.json\nAuthorization: Bearer run.token',
  'GET /proof/receipts/12D3KooW\nAuthorization: Bearer run.token',
  `GET /proof/blobs/aa/${'a'.repeat(64)}\nAuthorization: Bearer run.token`,
  'HEAD /index.html\nAccept-Encoding: br',
]

/** A line with the path, then a header a line. What Node itself refuses never gets here. */
function requestOf(input: Uint8Array): Request | null {
  const [line = '', ...fields] = textOf(input).split('\n')
  const [method = 'GET', path = '/'] = line.split(' ')
  if (!METHODS.includes(method)) return null
  try {
    const headers = fields.map((field) => field.split(/: (.*)/s, 2) as [string, string])
    return new Request(new URL(path, 'http://localhost'), { method, headers })
  } catch {
    return null
  }
}

async function ask(input: Uint8Array): Promise<void> {
  const request = requestOf(input)
  if (request === null) return
  const response = await theDashboard().app.request(request, undefined, {
    incoming: { socket: { remoteAddress: '127.0.0.1' } },
  })
  await response.body?.cancel()
  if (response.status === 500) throw new Error(`it is answered 500`)
}

/** Whoever fetches is answered with these bytes. */
async function answered<T>(body: Uint8Array, type: string, use: () => Promise<T>): Promise<T> {
  const before = globalThis.fetch
  globalThis.fetch = async () =>
    new Response(body as Uint8Array<ArrayBuffer>, { headers: { 'Content-Type': type } })
  try {
    return await use()
  } finally {
    globalThis.fetch = before
  }
}

async function follow(input: Uint8Array): Promise<void> {
  await answered(input, 'text/event-stream', async () => {
    const { signal } = new AbortController()
    for await (const _ of followRun('http://localhost/', nothingSeen(), signal));
  })
}

const HUB = {
  sha: 'a'.repeat(40),
  siblings: [
    { rfilename: 'config.json', size: 12, blobId: 'b'.repeat(40) },
    {
      rfilename: 'model.safetensors',
      size: 12,
      blobId: 'c'.repeat(40),
      lfs: { sha256: 'd'.repeat(64) },
    },
  ],
}

async function listHub(input: Uint8Array): Promise<void> {
  const settings = {
    endpoint: 'http://localhost',
    token: null,
    cache: folderOfThread(),
    isOffline: false,
  }
  const reference = { type: 'models', id: 'org/name', revision: 'main', file: null } as const
  await answered(input, 'application/json', () =>
    fetchSnapshot(
      reference,
      () => [],
      settings,
      () => {},
    ),
  )
}

const eventsOf = (changes: Changes): Uint8Array =>
  textBytes([1, 2].map((seq) => `id: run:${seq}\ndata: ${JSON.stringify(changes)}\n\n`).join(''))

export const WEB_TARGETS: readonly Target[] = [
  { name: 'http', seeds: () => REQUESTS.map(textBytes), read: ask, throws: [] },
  {
    name: 'events',
    seeds: () => [eventsOf(theDashboard().model.changesFrom(null))],
    read: follow,
    throws: [ProtocolError],
  },
  {
    name: 'invitation',
    seeds: () => [
      { coordinator: '12D3KooWGjMCwCzkyMKpEwCqSsMr9YQaLxxzGqQnTqKQpUqXXz7v', run: 'run' },
    ],
    write: jsonBytes,
    read: (input) =>
      answered(input, 'application/json', () =>
        findInvite('http://localhost/#join=0123456789abcdef.t'),
      ),
    throws: [ConfigError],
  },
  {
    name: 'hub-files',
    seeds: () => [HUB],
    write: jsonBytes,
    read: listHub,
    throws: [ConfigError],
  },
]
