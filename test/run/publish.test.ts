/** What is published holds all that a stranger needs, and nothing that is private. */
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { evidenceAt } from '../../node/cli/evidence-at.ts'
import { exitCodeOf } from '../../node/cli/failure.ts'
import { verify } from '../../node/cli/verify.ts'
import { publishedPage } from '../../node/dashboard/published-page.ts'
import { folderPlace } from '../../node/run/folder-place.ts'
import { mismatchText } from '../../node/run/mismatch.ts'
import { publishRun } from '../../node/run/publish.ts'
import { UNFINISHED_FILE } from '../../node/run/publish-target.ts'
import { readRunConfig, runFolder } from '../../node/run/run-folder.ts'
import { type RunVerification, verifyPublished } from '../../node/run/verify-run.ts'
import { webPlace } from '../../node/run/web-place.ts'
import { blobPath } from '../../node/storage/blob-path.ts'
import { temporaryFolder } from '../roles/swarm.ts'
import { type PublishedRun, publishSmallRun, secretsOf } from './published-run.ts'

let kept = ''
/** Made by the first test, whose folders are gone after it; the others have what was kept. */
let published: PublishedRun
beforeAll(async () => {
  kept = await mkdtemp(join(tmpdir(), 'barnraise-published-'))
})
afterAll(() => rm(kept, { recursive: true, force: true }))

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

test('no secret of a hosted run is in any file that is published', async () => {
  const made = await publishSmallRun()
  const secrets = await secretsOf(made)
  const paths = await filesOf(made.folder)
  const { size } = secrets
  expect([size, paths.length > 10]).toEqual([7, true])
  for (const path of paths) {
    const bytes = await readFile(path)
    for (const [what, secret] of secrets) {
      expect(bytes.includes(secret), `${what} in ${path}`).toBe(false)
    }
  }
  await cp(made.folder, join(kept, 'published'), { recursive: true })
  await cp(made.run.root, join(kept, 'run'), { recursive: true })
  published = Object.assign(made, {
    folder: join(kept, 'published'),
    run: runFolder(join(kept, 'run')),
  })
})

const trusted = () => ({ run: published.runId, coordinator: published.coordinator })

function expectVerified(found: RunVerification, replayedSteps: number): void {
  expect(found).toMatchObject({
    ok: true,
    runId: published.runId,
    coordinator: published.coordinator,
    rounds: 2,
    adapterSha256: published.adapter,
    countedSteps: 8,
    replayedSteps,
    mismatches: [],
  })
}

/** A server that knows nothing but how to send a file. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/runs/sea`
}

const sendFiles: RequestListener = async ({ url }, response) => {
  const path = url!.replace('/runs/sea/', '')
  const bytes = await readFile(join(published.folder, path)).catch(() => null)
  if (bytes === null) response.writeHead(404).end()
  else response.end(bytes)
}

test('the folder verifies in another place, without the run', async () => {
  const found = await verifyPublished(folderPlace(published.folder), { trusted: trusted() })
  expectVerified(found, 0)
  expect(found.notChecked).toEqual([
    'the training of 8 steps of 8',
    expect.stringContaining('losses on held-out text'),
    'the held-out text: it was not published',
  ])
})

test('from a plain web server every step is trained again, and gives the same', async () => {
  const { from } = evidenceAt(await serve(sendFiles))
  if (from.type !== 'place') throw new Error('an address is a place')
  const replay = { type: 'share', share: 1, seed: 3 } as const
  expectVerified(await verifyPublished(from.place, { trusted: trusted(), replay }), 8)
})

/** What the command prints as JSON, and the exit code that it ends with. */
async function commandOn(folder: string): Promise<{ lines: unknown[]; exitCode: number }> {
  const written: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text))
    return true
  })
  const options = { threads: 1, memory: 2 ** 30, json: true, sample: 0.05, seed: 7 }
  const exitCode = await verify(folder, options).then(() => 0, exitCodeOf)
  write.mockRestore()
  return {
    lines: written
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    exitCode,
  }
}

test('the command ends with its verdict on a line, and with code 3 for what is wrong', async () => {
  const good = await commandOn(published.folder)
  const { adapter: adapterSha256 } = published
  const verdict = { ok: true, adapterSha256, rounds: 2, replayedSteps: 2, firstMismatch: null }
  expect([good.exitCode, good.lines.at(-1)]).toEqual([0, verdict])
  const { runId: run, coordinator } = published
  expect(good.lines[0]).toMatchObject({
    type: 'verification',
    given: { run: null, coordinator: null },
    claimed: { run, coordinator, adapterSha256 },
    derived: { run, adapterSha256 },
    seed: 7,
    mismatches: [],
  })
  const copy = join(await temporaryFolder(), 'copy')
  await cp(published.folder, copy, { recursive: true })
  const journal = await readFile(join(copy, 'journal.bin'))
  journal[journal.length - 1]! ^= 1
  await writeFile(join(copy, 'journal.bin'), journal)
  const bad = await commandOn(copy)
  expect(bad.exitCode).toBe(3)
  expect(bad.lines.at(-1)).toMatchObject({
    ok: false,
    firstMismatch: { record: expect.stringMatching(/^journal, entry \d+$/) },
  })
})

/** What the page shows, as its publisher would like it. */
type Shown = {
  run: { contributions: number; at: number }
  rounds: { heldOutLoss: number }[]
  peers: { credit: { tokens: number }; name: string }[]
}

for (const [what, words, change] of [
  ['contributions', "'run.json.run.contributions' must be ", ({ run }) => run.contributions++],
  ['a loss', "'run.json.rounds[1].heldOutLoss'", ({ rounds }) => rounds[1]!.heldOutLoss--],
  ['tokens', "'run.json.peers[0].credit.tokens'", ({ peers }) => peers[0]!.credit.tokens++],
  ['a name', `'run.json.peers[0].name' must be "ada"`, ({ peers }) => (peers[0]!.name = 'eve')],
  ['a row more', "'run.json.peers.length' must be 1", ({ peers }) => peers.push(peers[0]!)],
  ['a row less', "'run.json.rounds.length' must be ", ({ rounds }) => rounds.pop()],
] as [string, string, (shown: Shown) => unknown][]) {
  test(`a page that shows ${what} otherwise than the journal is found, and named`, async () => {
    const page = await publishedPage(published.run)
    const shown = JSON.parse(new TextDecoder().decode(page.get('run.json')))
    change(shown)
    page.set('run.json', new TextEncoder().encode(JSON.stringify(shown)))
    const out = join(await temporaryFolder(), 'published')
    await publishRun(published.run, { out, withHeldOut: false, page, hear: () => {} })
    const { exitCode, lines } = await commandOn(out)
    expect(exitCode).toBe(3)
    expect(lines.at(-1)).toMatchObject({
      firstMismatch: { record: 'run.json', reason: expect.stringContaining(words) },
    })
  })
}

test('figures that only one version knows are no fault of a page', async () => {
  const page = await publishedPage(published.run)
  const shown = JSON.parse(new TextDecoder().decode(page.get('run.json')))
  delete shown.run.uploadedBytes
  shown.run.weather = 'fine'
  page.set('run.json', new TextEncoder().encode(JSON.stringify(shown)))
  const out = join(await temporaryFolder(), 'published')
  await publishRun(published.run, { out, withHeldOut: false, page, hear: () => {} })
  expect((await commandOn(out)).exitCode).toBe(0)
})

test('a share of the steps is drawn by a seed: the same again with the same', async () => {
  const place = folderPlace(published.folder)
  const drawn = async (seed: number) => {
    const heard: number[] = []
    const found = await verifyPublished(place, {
      replay: { type: 'share', share: 0.05, seed },
      hear: (progress) => progress.type === 'checking' && heard.push(progress.replayedSteps),
    })
    expectVerified(found, 2)
    return heard
  }
  expect(await drawn(7)).toEqual(await drawn(7))
})

test('the held-out text goes along where it is asked for, and only there', async () => {
  const heldOut = async () => {
    const { files } = JSON.parse(await readFile(join(published.folder, 'publication.json'), 'utf8'))
    return files.length
  }
  const before = await heldOut()
  const page = new Map<string, Uint8Array>()
  const again = (withHeldOut: boolean) =>
    publishRun(published.run, { out: published.folder, withHeldOut, page, hear: () => {} })
  const { files } = await again(true)
  const found = await verifyPublished(folderPlace(published.folder))
  expect(found.notChecked.join()).not.toContain('was not published')
  // The page that the first one had is taken away.
  expect((await again(false)).files).toBe(files - 1)
  expect([files < before, (await filesOf(published.folder)).length]).toEqual([true, files])
})

/** The last file of the page cannot be written. */
const BROKEN_PAGE = new Map([
  ['page.js', new Uint8Array(1)],
  ['other.js', null as unknown as Uint8Array],
])

for (const [what, before] of [
  ['the first', false],
  ['the second', true],
] as const) {
  test(`whoever is interrupted at ${what} begins again, and nothing stays of it`, async () => {
    const out = join(await temporaryFolder(), 'published')
    const into = (withHeldOut: boolean, page: ReadonlyMap<string, Uint8Array>) =>
      publishRun(published.run, { out, withHeldOut, page, hear: () => {} })
    if (before) await into(false, new Map([['earlier.js', new Uint8Array(1)]]))
    await expect(into(true, BROKEN_PAGE)).rejects.toThrow(TypeError)
    const { config } = await readRunConfig(published.run)
    const heldOut = join(out, 'blobs', blobPath(config.dataset.validationShard.digest))
    expect(existsSync(heldOut)).toBe(true)
    expect((await readdir(out)).includes('publication.json')).toBe(false)
    const { files } = await into(false, new Map())
    expect(existsSync(heldOut)).toBe(false)
    expect(await filesOf(out)).toHaveLength(files + 1)
    expect(await verifyPublished(folderPlace(out))).toMatchObject({ ok: true, mismatches: [] })
  })
}

for (const path of ['../diary.txt', '/etc/passwd', 'a/../../diary.txt']) {
  test(`a list that names ${path} takes nothing away`, async () => {
    const around = await temporaryFolder()
    const out = join(around, 'published')
    await mkdir(out)
    await writeFile(join(around, 'diary.txt'), 'mine')
    await writeFile(join(out, UNFINISHED_FILE), `${published.runId}\n${path}\n`)
    const options = { out, withHeldOut: false, page: new Map(), hear: () => {} }
    await publishRun(published.run, options)
    expect(await readFile(join(around, 'diary.txt'), 'utf8')).toBe('mine')
  })
}

test('what is a file is not published into', async () => {
  const out = join(await temporaryFolder(), 'run.yaml')
  await writeFile(out, 'name: sea')
  const options = { out, withHeldOut: false, page: new Map(), hear: () => {} }
  await expect(publishRun(published.run, options)).rejects.toThrow('as it is a file: give a new')
})

test('a folder that holds other things is not published into', async () => {
  const out = await temporaryFolder()
  await writeFile(join(out, 'diary.txt'), 'mine')
  const publishing = publishRun(published.run, {
    out,
    withHeldOut: false,
    page: new Map(),
    hear: () => {},
  })
  await expect(publishing).rejects.toThrow('it holds other things')
})

for (const [what, answer, words] of [
  ['sends a file without an end', endless, 'publication.json: Cannot read publication.json as it'],
  ['has no such file', (_, response) => response.writeHead(404).end(), 'there is no such file'],
  ['sends JSON that is cut', (_, response) => response.end('{"a":\u001b[2J'), 'it is not JSON'],
  ['sends a page', (_, response) => response.end('<!doctype html>'), 'publication.json: '],
] as [string, RequestListener, string][]) {
  test(`a server that ${what} is told from a run`, async () => {
    const { ok, mismatches } = await verifyPublished(webPlace(new URL(await serve(answer))))
    expect([ok, mismatches.length]).toEqual([false, 1])
    expect(mismatchText(mismatches[0]!)).toContain(words)
  })
}

test('a server that is gone is no verdict on the run', async () => {
  const place = webPlace(new URL('http://127.0.0.1:9/'))
  await expect(verifyPublished(place)).rejects.toMatchObject({ name: 'NetworkError' })
})

function endless(_: unknown, response: Parameters<RequestListener>[1]): void {
  function* pieces(): Generator<Buffer> {
    for (;;) yield Buffer.alloc(2 ** 20)
  }
  Readable.from(pieces()).pipe(response)
}
