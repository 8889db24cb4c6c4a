/** A stand-in of the Hub's HTTP API on loopback: files of one commit, uploads, and faults. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Hub } from '../../node/hub/locate.ts'
import type { HubSettings } from '../../node/hub/settings.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { LARGE_BYTES, receive, sha256, type Uploads, uploads } from './stand-in-uploads.ts'

export const COMMIT = 'a'.repeat(40)

export interface StandIn {
  url: string
  /** METHOD path, range and token, in order. */
  requests: { path: string; range: string | null; token: string | null }[]
  /** Contents by name; those above this many bytes are kept as large files. */
  files: Map<string, Buffer>
  /** Bytes after which a connection breaks; each is used once. */
  cuts: number[]
  /** The file that what comes before a cut is written to. */
  partial: string | null
  /** Answers everything with this status. */
  status: number | null
  commit: string
  /** What other branches hold than the files above, by name. */
  branches: Map<string, { commit: string; files: Map<string, Buffer> }>
  /** Files are sent from there. */
  elsewhere: string | null
  uploads: Uploads
  stop(): Promise<void>
}

export const gitId = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

export async function standIn(files: Record<string, Buffer>): Promise<StandIn> {
  const server = createServer((request, response) => answer(hub, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  const hub: StandIn = {
    url: `http://127.0.0.1:${port}`,
    requests: [],
    files: new Map(Object.entries(files)),
    cuts: [],
    partial: null,
    status: null,
    commit: COMMIT,
    elsewhere: null,
    uploads: uploads(),
    stop,
    branches: new Map(),
  }
  onTestFinished(stop)
  return hub
}

function answer(hub: StandIn, request: IncomingMessage, response: ServerResponse): void {
  const path = decodeURIComponent(new URL(request.url!, hub.url).pathname)
  const { range = null, authorization = null } = request.headers
  hub.requests.push({ path, range, token: authorization })
  if (hub.status !== null) {
    response.writeHead(hub.status).end()
    return
  }
  if (request.method !== 'GET' || path === '/api/whoami-v2') {
    // A client that goes in the middle of a request is not answered.
    receive(hub, path, request, response).catch(() => response.destroy())
    return
  }
  const revision = /^\/api\/(?:models|datasets)\/org\/name\/revision\/(.+)$/.exec(path)?.[1]
  if (revision !== undefined && hub.uploads.visibility !== null) {
    response.end(JSON.stringify(infoOf(hub.branches.get(revision) ?? hub, hub.uploads)))
    return
  }
  const [, commit, name = ''] = /\/org\/name\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? []
  const branch = [...hub.branches.values()].find((one) => one.commit === commit)
  const bytes = (branch ?? hub).files.get(name)
  if (bytes === undefined) {
    response.writeHead(404).end()
    return
  }
  if (hub.elsewhere !== null) {
    response.writeHead(302, { location: `${hub.elsewhere}${path}` }).end()
    return
  }
  send(hub, bytes, range, response)
}

function infoOf(
  { commit, files }: Pick<StandIn, 'commit' | 'files'>,
  { visibility }: Uploads,
): object {
  const siblings = [...files].map(([rfilename, bytes]) => ({
    rfilename,
    size: bytes.length,
    blobId: gitId(bytes),
    ...(bytes.length > LARGE_BYTES && { lfs: { sha256: sha256(bytes), size: bytes.length } }),
  }))
  return { id: 'org/name', sha: commit, private: visibility === 'private', siblings }
}

function send(hub: StandIn, bytes: Buffer, range: string | null, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
  const rest = bytes.subarray(start)
  const headers = { 'content-length': rest.length }
  response.writeHead(start > 0 ? 206 : 200, headers)
  const cut = hub.cuts.shift()
  if (cut === undefined) response.end(rest)
  else response.write(rest.subarray(0, cut), () => breakOff(hub, start + cut, response))
}

/** What a client has not looked at when a connection breaks is lost to it, so it gets to look. */
function breakOff(hub: StandIn, bytes: number, response: ServerResponse): void {
  const { size } = statSync(hub.partial ?? '', { throwIfNoEntry: false }) ?? { size: 0 }
  if (hub.partial === null || size >= bytes || response.destroyed) response.destroy()
  else setImmediate(() => breakOff(hub, bytes, response))
}

export async function hubAt(url: string, change: Partial<HubSettings> = {}): Promise<Hub> {
  const cache = join(await temporaryFolder(), 'hub')
  return {
    settings: { endpoint: url, token: null, cache, isOffline: false, ...change },
    onProgress: () => {},
  }
}
