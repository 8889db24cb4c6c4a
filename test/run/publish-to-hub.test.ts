/** A run goes to the Hub whole, once, and without what is private; what goes wrong is said. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { evidenceAt } from '../../node/cli/evidence-at.ts'
import { type PublishCommandOptions, publish } from '../../node/cli/publish.ts'
import { publishedPage } from '../../node/dashboard/published-page.ts'
import { exportRun } from '../../node/run/export-run.ts'
import { publishRun } from '../../node/run/publish.ts'
import {
  commitsOf,
  type HubPublishOptions,
  proofAddress,
  publishToHub,
} from '../../node/run/publish-to-hub.ts'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { verifyPublished } from '../../node/run/verify-run.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { hubAt, type StandIn, standIn } from '../hub/stand-in.ts'
import type { Step } from '../hub/stand-in-uploads.ts'
import { temporaryFolder } from '../roles/swarm.ts'
import { type PublishedRun, publishSmallRun, secretsOf } from './published-run.ts'

const TOKEN = 'hf_secretOfTheHub'
const BEARER = `Bearer ${TOKEN}`

let kept = ''
/** Made by the first test, whose folders are gone after it; the others have what was kept. */
let run: RunFolder
let made: PublishedRun
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), 'barnraise-to-hub-'))
})
afterAll(() => rm(kept, { recursive: true, force: true }))

const GIT_ATTRIBUTES = Buffer.from('*.bin filter=lfs')

/** A repository that the Hub's page made, or none yet. */
async function emptyHub(visibility: StandIn['uploads']['visibility'] = null): Promise<StandIn> {
  const hub = await standIn({ '.gitattributes': GIT_ATTRIBUTES })
  hub.uploads.visibility = visibility
  return hub
}

async function publishTo(
  hub: StandIn,
  change: Partial<HubPublishOptions> = {},
  endpoint = hub.url,
) {
  const { settings } = await hubAt(endpoint, { token: TOKEN })
  const options: HubPublishOptions = {
    repository: 'org/name',
    settings,
    out: null,
    isPrivate: false,
    force: false,
    withHeldOut: false,
    makePage: () => publishedPage(run),
    hear: () => {},
    onBytes: () => {},
  }
  return publishToHub(run, Object.assign(options, change))
}

const stepsOf = ({ uploads: { steps } }: StandIn, step: Step) =>
  steps.filter((one) => one === step).length

test('no secret of a hosted run, and no token, is in anything that the Hub receives', async () => {
  made = await publishSmallRun()
  run = made.run
  const secrets = await secretsOf(made)
  secrets.set('token of the Hub', new TextEncoder().encode(TOKEN))
  const hub = await emptyHub()
  // The card has the Hub's address, which here must not look like the run's.
  const published = await publishTo(hub, {}, hub.url.replace('127.0.0.1', 'localhost'))
  const received = [...hub.files, ...hub.uploads.bodies.entries()]
  expect([secrets.size, received.length > 2 * published.files]).toEqual([8, true])
  for (const [where, bytes] of received) {
    for (const [what, secret] of secrets) {
      expect(bytes.includes(secret), `${what} in ${where}`).toBe(false)
    }
  }
  await cp(made.run.root, join(kept, 'run'), { recursive: true })
  run = runFolder(join(kept, 'run'))
})

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
}

test('the Hub gets the export and the proof, and the token goes nowhere else', async () => {
  const [hub, storage] = [await emptyHub(), await standIn({})]
  hub.uploads.storage = storage
  const out = join(await temporaryFolder(), 'proof')
  const heard: [number, number][] = []
  const onBytes = (done: number, total: number) => void heard.push([done, total])
  const published = await publishTo(hub, { out, onBytes })
  const there = new Map(hub.files)
  there.delete('.gitattributes')
  const bytes = [...there.values()].reduce((sum, { length }) => sum + length, 0)
  expect(published).toEqual({
    repository: 'org/name',
    url: `${hub.url}/org/name`,
    commit: hub.commit,
    runId: made.runId,
    coordinator: made.coordinator,
    files: there.size,
    bytes,
  })
  const adapter = join(await temporaryFolder(), 'adapter')
  await exportRun(run, { format: 'peft', round: null, out: adapter })
  const card = there.get('README.md')!.toString()
  there.delete('README.md')
  await rm(join(adapter, 'README.md'))
  for (const [folder, above] of [
    [out, 'proof/'],
    [adapter, ''],
  ] as const) {
    for (const name of await filesBelow(folder)) {
      const bytes = await readFile(join(folder, name))
      expect(there.get(above + name)?.equals(bytes), name).toBe(true)
      there.delete(above + name)
    }
  }
  expect([...there.keys()]).toEqual([])
  const proof = `${hub.url}/org/name/resolve/main/proof`
  const trusted = `--run ${made.runId} --coordinator ${made.coordinator}`
  expect(card).toContain(`verify ${proof} ${trusted} --export .`)
  expect(await readdir(run.root)).not.toContain('publishing')
  // Blobs first, and all else at once.
  const { commits } = hub.uploads
  expect(commits.map(({ title }) => title)).toEqual([
    expect.stringMatching(/^small, after \d rounds?: blobs of its proof$/),
    expect.stringMatching(/^small, after \d rounds?$/),
  ])
  const isBlob = (path: string) => path.startsWith('proof/blobs/')
  expect(commits.map(({ added }) => [added.some(isBlob), added.every(isBlob)])).toEqual([
    [true, true],
    [false, false],
  ])
  expect(heard.at(-1)).toEqual([bytes, bytes])
  expect(heard.every(([done], i) => done >= (heard[i - 1]?.[0] ?? 0))).toBe(true)
  expect(new Set(hub.requests.map(({ token }) => token))).toEqual(new Set([BEARER]))
  expect(new Set(storage.requests.map(({ token }) => token))).toEqual(new Set([null]))
  expect(stepsOf(storage, 'put')).toBe(storage.uploads.objects.size)
})

test('what is on the Hub verifies by the address that the card names', async () => {
  const hub = await emptyHub('public')
  const { settings } = await hubAt(hub.url)
  await publishTo(hub)
  const { from } = evidenceAt(proofAddress('org/name', settings))
  if (from.type !== 'place') throw new Error('an address is a place')
  // A clone of the repository, of which the adapter is held against the run.
  const clone = await temporaryFolder()
  for (const [path, bytes] of hub.files) {
    if (!path.includes('/')) await writeFile(join(clone, path), bytes)
  }
  const { runId, coordinator } = made
  const trusted = { run: runId, coordinator }
  const found = await verifyPublished(from.place, { trusted, exported: clone })
  expect(found).toMatchObject({
    ok: true,
    adapterSha256: made.adapter,
    exported: { mismatches: [] },
  })
})

test('what others put beside the proof, or an ended try left, does not go along', async () => {
  const hub = await emptyHub()
  const out = join(await temporaryFolder(), 'proof')
  const page = await publishedPage(run)
  await publishRun(run, { out, withHeldOut: false, page, hear: () => {} })
  await writeFile(join(out, 'diary.txt'), 'mine')
  await mkdir(join(run.publishing, 'adapter'), { recursive: true })
  await writeFile(join(run.publishing, 'adapter/half.txt'), 'half')
  const { files } = await publishTo(hub, { out })
  expect(hub.files.size).toBe(files + 1)
  const names = [...hub.files.keys()].join()
  expect(names).toContain('proof/publication.json')
  expect(names).not.toMatch(/diary|half/)
})

for (const [blobs, others, removed, expected] of [
  [0, 0, 0, []],
  [0, 2, 0, [[2, 0]]],
  [0, 0, 300, [[0, 300]]],
  [
    100,
    2,
    1,
    [
      [100, 0],
      [2, 1],
    ],
  ],
  [
    201,
    2,
    0,
    [
      [100, 0],
      [100, 0],
      [1, 0],
      [2, 0],
    ],
  ],
] as const) {
  test(`${blobs} blobs, ${others} other files, ${removed} to remove`, () => {
    const named = (count: number, above: string) =>
      Array.from({ length: count }, (_, i) => ({ path: `${above}${i}`, source: '', bytes: 1 }))
    const missing = [...named(others, 'proof/'), ...named(blobs, 'proof/blobs/aa/')]
    const gone = named(removed, 'old').map(({ path }) => path)
    const commits = commitsOf(missing, gone, 'title')
    expect(commits.map(({ files, removed }) => [files.length, removed.length])).toEqual(expected)
  })
}

test('what is there already is not sent again, and nothing is committed for nothing', async () => {
  const hub = await emptyHub()
  const first = await publishTo(hub)
  const { commits, steps } = hub.uploads
  const before = [commits.length, steps.length]
  expect(await publishTo(hub)).toEqual(first)
  expect([commits.length, steps.length]).toEqual([before[0], before[1]! + 1])
  // A newer proof takes the place of the older.
  const old = [...hub.files.keys()].find((path) => path.startsWith('proof/blobs/'))!
  hub.files.set('proof/blobs/00/old', Buffer.from('old'))
  hub.files.set('notes.txt', Buffer.from('mine'))
  hub.files.delete(old)
  await publishTo(hub)
  expect(commits.slice(before[0]).map(({ added, removed }) => [added, removed])).toEqual([
    [[old], []],
    [[], ['proof/blobs/00/old']],
  ])
  expect(hub.files.has('notes.txt')).toBe(true)
  expect(stepsOf(hub, 'put')).toBe(hub.uploads.objects.size)
})

for (const [what, step, statuses, expected] of [
  ['a commit fails', 'commit', [500], /the Hub has a fault \(500: no commit\)\. 0 of \d+ files/],
  [
    'the second commit fails',
    'commit',
    [undefined, 503],
    /a fault \(503: no commit\)\. [1-9]\d* of \d+/,
  ],
  ['somebody else commits', 'commit', [409], 'another commit, was there before this one (409'],
  ['a file cannot be sent', 'put', Array(100).fill(500), 'the Hub has a fault (500'],
  [
    'there were too many requests',
    'batch',
    [429],
    'the Hub wants fewer requests: wait for an hour',
  ],
  ['the token may not write there', 'preupload', [403], 'the token may not write there: make one'],
  ['the card is refused', 'commit', [400], 'the Hub refuses it (400: no commit)'],
] as [string, Step, (number | undefined)[], RegExp | string][]) {
  test(`where ${what}, it is said, and the same again sends only the rest`, async () => {
    const hub = await emptyHub()
    hub.uploads.refused[step] = statuses
    const publishing = publishTo(hub)
    await expect(publishing).rejects.toThrow(ConfigError)
    await expect(publishing).rejects.toThrow(expected)
    await expect(publishing).rejects.toThrow(/the same command again sends only what is missing$/)
    expect(await readdir(run.root)).not.toContain('publishing')
    hub.uploads.refused = {}
    const sent = hub.uploads.objects.size
    const puts = stepsOf(hub, 'put')
    const { files } = await publishTo(hub)
    expect(hub.files.size).toBe(files + 1)
    expect(stepsOf(hub, 'put') - puts).toBe(hub.uploads.objects.size - sent)
  })
}

test('a file whose way broke once is sent again at once', async () => {
  const hub = await emptyHub()
  hub.uploads.refused.put = [503]
  const heard: number[] = []
  const { files } = await publishTo(hub, { onBytes: (done, total) => heard.push(done / total) })
  expect([hub.files.size, heard.at(-1)]).toEqual([files + 1, 1])
  expect(stepsOf(hub, 'put')).toBe(hub.uploads.objects.size + 1)
})

const OTHERS = { 'README.md': Buffer.from('# Mine'), 'config.json': Buffer.from('{}') }

for (const [what, expected, given, change] of [
  ['a token that is not known', 'the Hub does not know the token', { refused: { whoami: [401] } }],
  ['a token that may only read', '(403: it may only read)', { role: 'read' }],
  [
    'a place where it may not make any',
    'the token may not write there',
    { visibility: null, refused: { create: [403] } },
  ],
  [
    'a name that another has',
    'another repository',
    { visibility: null, refused: { create: [409] } },
  ],
  ['what must be private and is not', 'it is there and public', {}, { isPrivate: true }],
  ['no name', 'must be of the form org/name', {}, { repository: 'name' }],
] as [string, string, Partial<StandIn['uploads']>, Partial<HubPublishOptions>?][]) {
  test(`${what}: is refused before anything is sent`, async () => {
    const hub = await emptyHub('public')
    Object.assign(hub.uploads, given)
    const publishing = publishTo(hub, change)
    await expect(publishing).rejects.toThrow(ConfigError)
    await expect(publishing).rejects.toThrow(expected)
    expect(hub.uploads.steps.filter((step) => !/whoami|create/.test(step))).toEqual([])
    expect([...hub.files.keys()]).toEqual(['.gitattributes'])
  })
}

test('a Hub that is not there is said', async () => {
  const hub = await emptyHub()
  await hub.stop()
  await expect(publishTo(hub)).rejects.toThrow(/^Cannot publish to 'org\/name' as http:.*: connect/)
})

/** What the command prints of the kept run. */
async function commandPrints(options: PublishCommandOptions): Promise<string> {
  const written: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text))
    return true
  })
  await publish(run.root, options).finally(() => write.mockRestore())
  return written.join('')
}

test('the command goes by the variables of the Hub, and says how others check', async () => {
  const hub = await emptyHub()
  vi.stubEnv('HF_ENDPOINT', `${hub.url}/`)
  vi.stubEnv('HF_TOKEN', TOKEN)
  vi.stubEnv('HF_HUB_OFFLINE', '')
  const { runId, coordinator } = made
  const told = JSON.parse(await commandPrints({ hub: 'org/name', json: true }))
  expect(told).toEqual({
    repository: 'org/name',
    url: `${hub.url}/org/name`,
    commit: hub.commit,
    runId,
    coordinator,
    files: hub.files.size - 1,
    bytes: expect.any(Number),
  })
  const text = await commandPrints({ hub: 'org/name' })
  const proof = `${hub.url}/org/name/resolve/main/proof`
  expect(text).toContain(`verify ${proof} --run ${runId} --coordinator ${coordinator}\n`)
  expect(text).toContain(`\ncommit         ${hub.commit}\n`)
})

for (const [options, expected] of [
  [{}, 'it must be said where: give --out DIR or --hub NAME'],
  [{ out: 'x', private: true }, "'--private' is for --hub alone"],
  [{ out: 'x', force: true }, "'--force' is for --hub alone"],
] as const) {
  test(`${JSON.stringify(options)} is no command`, async () => {
    await expect(commandPrints(options)).rejects.toThrow(ConfigError)
    await expect(commandPrints(options)).rejects.toThrow(expected)
  })
}

test('a storage that others could listen to gets nothing', async () => {
  const hub = await emptyHub()
  const far = Object.assign(await standIn({}), { url: 'http://storage.example.org' })
  hub.uploads.storage = far
  await expect(publishTo(hub)).rejects.toThrow('must name an https address to upload to')
})

test('what a repository has of others stays, unless it is to be replaced', async () => {
  const hub = await standIn(Object.assign({ '.gitattributes': GIT_ATTRIBUTES }, OTHERS))
  await expect(publishTo(hub)).rejects.toThrow(
    /it holds other things \(README\.md\): .* '--force', which replaces all of them in a commit/,
  )
  expect(hub.uploads.commits).toEqual([])
  const { files } = await publishTo(hub, { force: true })
  expect(hub.files.size).toBe(files + 1)
  expect(hub.uploads.commits.at(-1)!.removed).toEqual(['config.json'])
})

test("a card that says nothing but a licence is nobody's", async () => {
  const hub = await emptyHub('private')
  hub.files.set('README.md', Buffer.from('---\nlicense: mit\n---\n'))
  await publishTo(hub, { isPrivate: true })
  expect(hub.files.get('README.md')!.toString()).toContain(made.runId)
})

test('a new repository is private where that is asked for', async () => {
  for (const isPrivate of [false, true]) {
    const hub = await emptyHub()
    await publishTo(hub, { isPrivate })
    expect(hub.uploads.visibility).toBe(isPrivate ? 'private' : 'public')
  }
})
