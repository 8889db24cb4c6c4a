/** The Hub by a stand-in: what is downloaded, resumed, checked, kept, and said when it fails. */
import { mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { findByDigest } from '../../node/hub/cache.ts'
import { get, throwIfOfDisk } from '../../node/hub/download.ts'
import { type Hub, locateDataset, locateModel } from '../../node/hub/locate.ts'
import { describeReference, parseReference } from '../../node/hub/reference.ts'
import { hubSettings } from '../../node/hub/settings.ts'
import { EMBEDDED_MODEL, openBaseModel } from '../../node/model/base-model.ts'
import { checkMirror, findCachedBase } from '../../node/roles/base-sources.ts'
import { createMemoryBlobStore } from '../../node/storage/memory-blob-store.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { silentLog } from '../silent-log.ts'
import { COMMIT, gitId, hubAt, standIn } from './stand-in.ts'
import { sha256 } from './stand-in-uploads.ts'

const WEIGHTS = Buffer.alloc(5000, 'weights')
const FILES = {
  'config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"a":1}'),
  'model.safetensors': WEIGHTS,
  'pytorch_model.bin': Buffer.from('never'),
  'README.md': Buffer.from('never'),
}

for (const [text, expected] of [
  ['org/name', 'org/name'],
  ['org/name@v1.0', 'org/name@v1.0'],
  ['org/name@refs/pr/3', 'org/name@refs/pr/3'],
  ['org/name:a/b.gguf', 'org/name:a/b.gguf'],
  ['org/name@main:b.gguf', 'org/name:b.gguf'],
  ['name', null],
  ['a/b/c', null],
  ['../name', null],
  ['org/..', null],
  ['./model', null],
  ['/abs/path', null],
  ['org/name:../../x', null],
  ['npm:@a/b', null],
] as const) {
  test(`'${text}' is ${expected === null ? 'no name on the Hub' : expected}`, () => {
    const reference = parseReference(text, 'models')
    expect(reference && describeReference(reference)).toBe(expected)
  })
}

test('the environment is read as the tools of the Hub do', async () => {
  const home = await temporaryFolder()
  expect(await hubSettings({}, home)).toEqual({
    endpoint: 'https://huggingface.co',
    token: null,
    cache: join(home, '.cache/huggingface/hub'),
    isOffline: false,
  })
  await writeFile(join(home, 'token'), 'from file\n')
  const given = { HF_ENDPOINT: 'http://hub/', HF_HOME: home, HF_HUB_OFFLINE: '1' }
  expect(await hubSettings(given, '/nowhere')).toEqual({
    endpoint: 'http://hub',
    token: 'from file',
    cache: join(home, 'hub'),
    isOffline: true,
  })
  const more = { ...given, HF_TOKEN: 'given', HF_HUB_CACHE: '/cache' }
  expect(await hubSettings(more, '/nowhere')).toMatchObject({ token: 'given', cache: '/cache' })
})

const partialOf = ({ settings }: Hub) =>
  join(settings.cache, 'models--org--name/blobs', `${sha256(WEIGHTS)}.incomplete`)

describe('a model', () => {
  const locate = (hub: Hub, name = 'org/name') => locateModel(name, '/nowhere', hub)

  test('is laid out as the library of Python does, without what is not needed', async () => {
    const server = await standIn(FILES)
    const hub = await hubAt(server.url)
    const folder = await locate(hub)
    const root = join(hub.settings.cache, 'models--org--name')
    expect(folder).toBe(join(root, 'snapshots', COMMIT))
    expect(await readFile(join(root, 'refs/main'), 'utf8')).toBe(COMMIT)
    const names = ['config.json', 'model.safetensors', 'tokenizer.json']
    expect((await readdir(folder)).sort()).toEqual(names)
    expect(await readlink(join(folder, 'model.safetensors'))).toBe(`../../blobs/${sha256(WEIGHTS)}`)
    expect((await readdir(join(root, 'blobs'))).sort()).toEqual(
      [gitId(FILES['config.json']), gitId(FILES['tokenizer.json']), sha256(WEIGHTS)].sort(),
    )
    for (const name of names) {
      expect(await readFile(join(folder, name))).toEqual(FILES[name as keyof typeof FILES])
    }
  })

  test('goes on where the connection broke, and is not fetched again', async () => {
    const server = await standIn({ 'model.safetensors': WEIGHTS })
    server.cuts.push(1000, 500, 0)
    const hub = await hubAt(server.url)
    server.partial = partialOf(hub)
    const folder = await locate(hub)
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(WEIGHTS)
    expect(server.requests.slice(1).map(({ range }) => range)).toEqual([
      null,
      'bytes=1000-',
      'bytes=1500-',
      'bytes=1500-',
    ])
    const before = server.requests.length
    expect(await locate(hub)).toBe(folder)
    expect(server.requests.slice(before).map(({ path }) => path)).toEqual([
      '/api/models/org/name/revision/main',
    ])
  })

  test('that broke too often says how to go on, and the next try does', async () => {
    const server = await standIn({ 'model.safetensors': WEIGHTS })
    server.cuts.push(1000, 0, 0, 0, 0)
    const hub = await hubAt(server.url)
    server.partial = partialOf(hub)
    await expect(locate(hub)).rejects.toThrow('run the command again')
    const folder = await locate(hub)
    expect(await readFile(join(folder, 'model.safetensors'))).toEqual(WEIGHTS)
    expect(server.requests.at(-1)!.range).toBe('bytes=1000-')
  })

  test('of other bytes than its hash is thrown away', async () => {
    const server = await standIn({ 'model.safetensors': WEIGHTS })
    const hub = await hubAt(server.url)
    const partial = join(hub.settings.cache, 'models--org--name/blobs')
    await mkdir(partial, { recursive: true })
    await writeFile(join(partial, `${sha256(WEIGHTS)}.incomplete`), 'wrong')
    await expect(locate(hub)).rejects.toThrow(`sha256 must be ${sha256(WEIGHTS)}`)
    expect(await readdir(partial)).toEqual([])
    await locate(hub)
  })

  test('may be one GGUF file of several, by a revision', async () => {
    const server = await standIn({ 'a.gguf': WEIGHTS, 'b.gguf': Buffer.from('b') })
    const hub = await hubAt(server.url)
    const path = await locate(hub, 'org/name@v1:a.gguf')
    expect(await readFile(path)).toEqual(WEIGHTS)
    expect(server.requests[0]!.path).toBe('/api/models/org/name/revision/v1')
    await expect(locate(hub)).rejects.toThrow("'org/name:a.gguf'")
    await expect(locate(hub, 'org/name:c.gguf')).rejects.toThrow('a.gguf, b.gguf')
  })

  test('moves with its branch, and the older snapshot stays', async () => {
    const server = await standIn(FILES)
    const hub = await hubAt(server.url)
    const first = await locate(hub)
    server.commit = 'b'.repeat(40)
    server.files.set('config.json', Buffer.from('{"new":1}'))
    const second = await locate(hub)
    expect(second).not.toBe(first)
    expect(await readFile(join(first, 'config.json'), 'utf8')).toBe('{}')
    expect(await readFile(join(second, 'config.json'), 'utf8')).toBe('{"new":1}')
  })

  test('is opened like any folder', async () => {
    const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors']
    const files: Record<string, Buffer> = {}
    for (const name of names) files[name] = await readFile(join(EMBEDDED_MODEL, name))
    const server = await standIn(files)
    const base = await openBaseModel(await locate(await hubAt(server.url)))
    base.close()
    expect(base.file.digest).toBe(sha256(files['model.safetensors']!))
  })

  test('that is a path is left alone', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'org/name'), { recursive: true })
    const hub = await hubAt('http://127.0.0.1:1')
    expect(await locateModel('org/name', folder, hub)).toBe(join(folder, 'org/name'))
  })
})

describe('without the Hub', () => {
  for (const [what, fail] of [
    ['offline', (hub: Hub) => ({ ...hub.settings, isOffline: true })],
    ['unreachable', (hub: Hub) => ({ ...hub.settings, endpoint: 'http://127.0.0.1:1' })],
  ] as const) {
    test(`${what}: what is in the cache is used, the rest refused`, async () => {
      const server = await standIn(FILES)
      const hub = await hubAt(server.url)
      const without = { ...hub, settings: fail(hub) }
      await expect(locateModel('org/name', '/nowhere', without)).rejects.toThrow(/not in the cache/)
      const folder = await locateModel('org/name', '/nowhere', hub)
      expect(await locateModel('org/name', '/nowhere', without)).toBe(folder)
    })
  }
})

test('offline, a part of what is wanted will not do', async () => {
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  const shards = Object.fromEntries(names.map((name) => [name, WEIGHTS]))
  const index = { 'model.safetensors.index.json': Buffer.from('{}') }
  const server = await standIn({ ...shards, ...index, 'a.gguf': WEIGHTS, 'b.gguf': WEIGHTS })
  const hub = await hubAt(server.url)
  const offline = { ...hub, settings: { ...hub.settings, isOffline: true } }
  const locate = (name: string, at = offline) => locateModel(name, '/nowhere', at)
  const path = await locate('org/name:a.gguf', hub)
  expect(await locate('org/name:a.gguf')).toBe(path)
  await expect(locate('org/name:b.gguf')).rejects.toThrow('only a part of it is in the cache')
  await expect(locate('org/name')).rejects.toThrow('only a part of it is in the cache')
  const folder = await locate('org/name', hub)
  expect(await locate('org/name')).toBe(folder)
  await rm(join(folder, names[1]!))
  await expect(locate('org/name')).rejects.toThrow('only a part of it is in the cache')
})

describe('a refusal says what to do', () => {
  for (const [status, word] of [
    [401, 'HF_TOKEN'],
    [403, 'accept its terms'],
    [404, 'no such thing'],
  ] as const) {
    test(`${status}`, async () => {
      const server = await standIn(FILES)
      server.status = status
      const locate = locateModel('org/name', '/nowhere', await hubAt(server.url))
      await expect(locate).rejects.toThrow(ConfigError)
      await expect(locate).rejects.toThrow(word)
    })
  }
  test('a name that leads out of the folder', async () => {
    const server = await standIn({ '../../evil': Buffer.from('x'), ...FILES })
    const locate = locateModel('org/name', '/nowhere', await hubAt(server.url))
    await expect(locate).rejects.toThrow('not what the Hub says of files')
  })
})

test('going round in a ring ends', async () => {
  const server = await standIn(FILES)
  server.elsewhere = server.url
  const locate = locateModel('org/name', '/nowhere', await hubAt(server.url))
  await expect(locate).rejects.toThrow('redirects more than 5 times')
  expect(server.requests.length).toBe(1 + 6)
})

for (const [code, word] of [
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk is full'],
  ['EACCES', 'why'],
] as const) {
  test(`a disk that says ${code} is told, and no broken connection`, () => {
    const error = Object.assign(new Error('why'), { code, syscall: 'write' })
    expect(() => throwIfOfDisk(error, '/path')).toThrow(word)
  })
}

test('what cannot be written is not asked for again and again', async () => {
  const server = await standIn({ 'model.safetensors': WEIGHTS })
  const hub = await hubAt(server.url)
  await mkdir(partialOf(hub), { recursive: true })
  await expect(locateModel('org/name', '/nowhere', hub)).rejects.toThrow('Cannot write')
  expect(server.requests.length).toBeLessThanOrEqual(2)
})

for (const [endpoint, token, isSent] of [
  ['http://hub.invalid', 'secret', false],
  ['http://hub.invalid', null, true],
  ['https://hub.invalid', 'secret', true],
] as const) {
  test(`${token ?? 'no token'} to ${endpoint}: ${isSent ? 'sent' : 'not sent'}`, async () => {
    const asked: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      asked.push(url)
      return new Response('{}')
    })
    onTestFinished(() => void vi.unstubAllGlobals())
    const url = `${endpoint}/api`
    const ask = () => get(url, token, {}, new AbortController().signal)
    if (isSent) await ask()
    else await expect(ask()).rejects.toThrow(/^Cannot send the token .* an https address in HF_EN/)
    expect(asked).toEqual(isSent ? [url] : [])
  })
}

test('the token goes to the Hub, and not to where it redirects', async () => {
  const [server, other] = [await standIn(FILES), await standIn(FILES)]
  server.elsewhere = other.url
  await locateModel('org/name', '/nowhere', await hubAt(server.url, { token: 'secret' }))
  expect(new Set(server.requests.map(({ token }) => token))).toEqual(new Set(['Bearer secret']))
  expect(other.requests.length).toBe(3)
  expect(new Set(other.requests.map(({ token }) => token))).toEqual(new Set([null]))
})

const locate = (hub: Hub, path = 'org/name', keys = {}) =>
  locateDataset(Object.assign({ path }, keys), '/nowhere', hub)

test('of a dataset the rows to train on are taken', async () => {
  const rows = Buffer.from('{"text":"a"}\n')
  const server = await standIn({
    'data/train-00000.jsonl': rows,
    'data/test-00000.jsonl': Buffer.from('{"text":"b"}\n'),
    'README.md': Buffer.from('# Rows'),
  })
  const hub = await hubAt(server.url)
  await locate(hub, 'org/name:data/test-00000.jsonl')
  const found = await locate(hub)
  expect(await readFile(found!.files[0]!.path)).toEqual(rows)
  expect(found).toMatchObject({
    files: [{ name: 'data/train-00000.jsonl' }],
    leftOut: { count: 2, names: ['README.md', 'data/test-00000.jsonl'] },
  })
  expect(server.requests.at(-1)!.path).toBe(
    `/datasets/org/name/resolve/${COMMIT}/data/train-00000.jsonl`,
  )
})

for (const path of ['data/rows.jsonl', './rows.jsonl', '../rows', '~/rows', 'data/a.csv.gz']) {
  test(`'${path}' is a path, and nothing that the Hub is asked for`, async () => {
    const server = await standIn({ 'rows.jsonl': Buffer.from('{"text":"a"}\n') })
    const hub = await hubAt(server.url)
    expect(await locate(hub, path)).toBeNull()
    expect(server.requests).toEqual([])
  })
}

test('a repository that is called as files are is meant by its revision', async () => {
  const server = await standIn({})
  await expect(locate(await hubAt(server.url), 'org/a.jsonl@main')).rejects.toThrow('org/a.jsonl')
  expect(server.requests.length).toBe(1)
})

test('a dataset with several configs wants to be told which', async () => {
  const card = '---\nconfigs:\n- config_name: sea\n  data_files: sea/*\n- config_name: land\n---\n'
  const server = await standIn({
    'README.md': Buffer.from(card),
    'sea/a.jsonl': Buffer.from('{"text":"a"}\n'),
    'land/b.jsonl': Buffer.from('{"text":"b"}\n'),
  })
  const hub = await hubAt(server.url)
  await expect(locate(hub)).rejects.toThrow(
    "config name is missing: set 'name:' to 'sea' or 'land'",
  )
  const found = await locate(hub, 'org/name', { name: 'sea', split: 'train[:50%]' })
  expect(found).toMatchObject({ files: [{ name: 'sea/a.jsonl' }], slice: { to: 50 } })
  const offline = { ...hub, settings: { ...hub.settings, isOffline: true } }
  expect(await locate(offline, 'org/name', { name: 'sea', split: 'train[:50%]' })).toMatchObject({
    files: found!.files,
  })
})

test('of a dataset that we cannot read, what the Hub made of it is taken', async () => {
  const server = await standIn({
    'rows.arrow': WEIGHTS,
    'rows.json': WEIGHTS,
    'LICENSE.md': WEIGHTS,
  })
  const hub = await hubAt(server.url)
  const files = new Map([['default/train/0000.parquet', WEIGHTS]])
  server.branches.set('refs/convert/parquet', { commit: 'c'.repeat(40), files })
  const found = await locate(hub)
  const root = join(hub.settings.cache, 'datasets--org--name')
  const path = join(root, 'snapshots', 'c'.repeat(40), 'default/train/0000.parquet')
  expect(found!.files.map((file) => file.path)).toEqual([path])
  expect(await readFile(path)).toEqual(WEIGHTS)
  expect(await readFile(join(root, 'refs/refs/convert/parquet'), 'utf8')).toBe('c'.repeat(40))
  const offline = { ...hub, settings: { ...hub.settings, isOffline: true } }
  expect(await locate(offline)).toEqual(found)
  files.clear()
  await expect(locate(hub)).rejects.toThrow('there is no file in it')
})

test("a volunteer finds the base in the Hub's cache, unless it is damaged there", async () => {
  const base = { digest: sha256(WEIGHTS), bytes: WEIGHTS.length }
  const server = await standIn({ 'model.safetensors': WEIGHTS })
  const { settings, onProgress } = await hubAt(server.url)
  const found = async () => {
    const blobs = createMemoryBlobStore()
    await findCachedBase(base, blobs, settings.cache, silentLog)
    return blobs.list()
  }
  await locateModel('org/name', '/nowhere', { settings, onProgress })
  expect(await found()).toEqual([base.digest])
  const path = (await findByDigest(settings.cache, base.digest))!
  await writeFile(path, 'damaged')
  expect(await found()).toEqual([])
  await rm(path)
  expect(await found()).toEqual([])
})

test('a mirror that a user names is https, or the user hears what it must be', () => {
  expect(checkMirror('https://example.org/bases')).toBe('https://example.org/bases')
  expect(() => checkMirror('http://example.org')).toThrow(ConfigError)
  expect(() => checkMirror('http://example.org')).toThrow('must be an https address')
})
