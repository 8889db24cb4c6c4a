/** What of the stand-in receives uploads: tokens, new repositories, Git LFS, and commits. */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** A file of more is a large one. */
export const LARGE_BYTES = 100

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What of a stand-in receives uploads. */
interface Receiver {
  url: string
  files: Map<string, Buffer>
  commit: string
  uploads: Uploads
}

/** What a client asks for, in this order. */
export type Step = 'whoami' | 'create' | 'preupload' | 'batch' | 'put' | 'commit'

export interface Uploads {
  /** Null: there is no repository yet. */
  visibility: 'public' | 'private' | null
  /** What the token may do. */
  role: 'read' | 'write'
  /** Contents that large files have, by SHA-256: they are there before a commit names them. */
  objects: Map<string, Buffer>
  /** Where they are sent to, if not here. */
  storage: Receiver | null
  /** Statuses by which the next requests of a step are refused; undefined: one is let through. */
  refused: Partial<Record<Step, (number | undefined)[]>>
  steps: Step[]
  bodies: Buffer[]
  commits: { title: string; added: string[]; removed: string[] }[]
}

export const uploads = (): Uploads => ({
  visibility: 'public',
  role: 'write',
  objects: new Map(),
  storage: null,
  refused: {},
  steps: [],
  bodies: [],
  commits: [],
})

const STEPS: readonly [RegExp, Step][] = [
  [/^\/api\/whoami-v2$/, 'whoami'],
  [/^\/api\/repos\/create$/, 'create'],
  [/^\/api\/models\/org\/name\/preupload\/main$/, 'preupload'],
  [/^\/org\/name\.git\/info\/lfs\/objects\/batch$/, 'batch'],
  [/^\/storage\/[0-9a-f]{64}$/, 'put'],
  [/^\/api\/models\/org\/name\/commit\/main$/, 'commit'],
]

export async function receive(
  hub: Receiver,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const body = Buffer.concat(pieces)
  const step = STEPS.find(([pattern]) => pattern.test(path))?.[1]
  if (step === undefined) return void response.writeHead(404).end()
  hub.uploads.steps.push(step)
  hub.uploads.bodies.push(body)
  const status = hub.uploads.refused[step]?.shift()
  if (status === undefined) return void response.end(ANSWERS[step](hub, body, path))
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: `no ${step}` }))
}

const ANSWERS: Record<Step, (hub: Receiver, body: Buffer, path: string) => string> = {
  whoami({ uploads: { role } }) {
    const accessToken = { displayName: 'test', role, createdAt: '2026-01-01T00:00:00Z' }
    return JSON.stringify({
      type: 'user',
      name: 'ann',
      auth: { type: 'access_token', accessToken },
    })
  },
  create({ url, uploads }, body) {
    const { name, organization, visibility = 'public' } = JSON.parse(body.toString())
    uploads.visibility = visibility
    return JSON.stringify({ url: `${url}/${organization}/${name}`, id: `${organization}/${name}` })
  },
  preupload(_, body) {
    const { files } = JSON.parse(body.toString()) as { files: { path: string; size: number }[] }
    const modeOf = (size: number) => (size > LARGE_BYTES ? 'lfs' : 'regular')
    return JSON.stringify({
      files: files.map(({ path, size }) => ({ path, uploadMode: modeOf(size) })),
    })
  },
  batch(hub, body) {
    const { objects } = JSON.parse(body.toString()) as { objects: { oid: string; size: number }[] }
    const storage = hub.uploads.storage ?? hub
    const actions = (oid: string) => ({ upload: { href: `${storage.url}/storage/${oid}` } })
    return JSON.stringify({
      transfer: 'basic',
      objects: objects.map(({ oid, size }) =>
        storage.uploads.objects.has(oid) ? { oid, size } : { oid, size, actions: actions(oid) },
      ),
    })
  },
  put({ uploads: { objects } }, body, path) {
    const oid = path.split('/').at(-1)!
    if (sha256(body) === oid) objects.set(oid, body)
    return ''
  },
  commit(hub, body) {
    const [header, ...lines] = body
      .toString()
      .split('\n')
      .map((line) => JSON.parse(line))
    const { objects } = (hub.uploads.storage ?? hub).uploads
    const change = { title: header.value.summary, added: [] as string[], removed: [] as string[] }
    for (const { key, value } of lines) {
      const { path } = value
      if (key === 'deletedFile') {
        hub.files.delete(path)
        change.removed.push(path)
        continue
      }
      const isLarge = key === 'lfsFile'
      const bytes = isLarge ? objects.get(value.oid)! : Buffer.from(value.content, 'base64')
      hub.files.set(path, bytes)
      change.added.push(path)
    }
    hub.uploads.commits.push(change)
    hub.commit = sha256(body).slice(0, 40)
    return JSON.stringify({ commitOid: hub.commit, commitUrl: `${hub.url}/org/name` })
  },
}
