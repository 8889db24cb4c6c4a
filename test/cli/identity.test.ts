/** A key on paper and back, as a user types it: what is printed, what is kept, what is refused. */
import { existsSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { coordinatorKey } from '../../node/cli/folders.ts'
import { runProgram } from '../../node/cli/program.ts'
import { identityOf } from '../../node/network/identity.ts'
import { loadIdentity, placeIdentity, readIdentity } from '../../node/network/identity-file.ts'
import { phraseOf } from '../../node/network/recovery-phrase.ts'
import { openVolunteerHome } from '../../node/roles/volunteer-home.ts'
import { tryLock } from '../../node/storage/file-lock.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const heard = { out: '', err: '' }

beforeEach(() => {
  Object.assign(heard, { out: '', err: '' })
  for (const [stream, name] of [
    [process.stdout, 'out'],
    [process.stderr, 'err'],
  ] as const) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      heard[name] += String(text)
      return true
    })
  }
})
afterEach(() => vi.restoreAllMocks())

async function run(words: readonly string[], stdin = ''): Promise<number> {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([stdin]) as never)
  process.exitCode = 0
  await runProgram(['node', 'barnraise', 'identity', ...words])
  const code = Number(process.exitCode)
  process.exitCode = 0
  return code
}

const fresh = async () => identityOf(await generateKeyPair('Ed25519'))

test('the words are shown to who asks for them, with a warning apart from them', async () => {
  const file = join(await temporaryFolder(), 'ada.key')
  const seed = new Uint8Array(32).fill(0x7f)
  const identity = identityOf(await generateKeyPairFromSeed('Ed25519', seed))
  await placeIdentity(file, identity)
  const peer = identity.peerId
  const words = phraseOf(identity)
  expect(await run(['backup', file])).toBe(0)
  expect(heard.out).toContain(peer)
  expect(await run(['backup', file, '--json'])).toBe(0)
  expect(heard.out).toContain(`${JSON.stringify({ file, peer })}\n`)
  expect(heard.out + heard.err).not.toMatch(/legal|winner|sausage/)
  await run(['backup', file, '--cache', '/elsewhere'])
  expect(heard.out).toContain(`identity backup ${file} --cache /elsewhere --show-words`)
  heard.out = ''
  expect(await run(['backup', file, '--show-words', '--json'])).toBe(0)
  expect(JSON.parse(heard.out)).toEqual({ file, peer, words })
  expect(heard.err).toContain('Whoever reads them can pass for it in every run')
  expect(heard.err).not.toMatch(/legal|winner|sausage/)
})

test('what is printed for paper is read again, on another machine, as the same peer', async () => {
  const folder = await temporaryFolder()
  const [file, other] = [join(folder, 'ada.key'), join(folder, 'new', 'ada.key')]
  const { peerId: peer } = await loadIdentity(file)
  await run(['backup', file, '--show-words'])
  const paper = /^ +1\. [\s\S]*? 24\. \w+$/m.exec(heard.out)![0]
  heard.out = ''
  expect(await run(['restore', other], paper)).toBe(0)
  expect(heard.out).toContain(peer)
  expect(await readFile(other)).toEqual(await readFile(file))
  if (process.platform !== 'win32') expect((await stat(other)).mode & 0o777).toBe(0o600)
})

test('an identity is not written over, unless by force, and then it is kept', async () => {
  const file = join(await temporaryFolder(), 'key')
  const before = await loadIdentity(file)
  const bytes = await readFile(file)
  const [first, second] = [await fresh(), await fresh()]
  expect(await run(['restore', file], phraseOf(first))).toBe(2)
  expect(heard.err).toContain(`as it belongs to ${before.peerId}: say '--force'`)
  expect(await readFile(file)).toEqual(bytes)
  expect(await run(['restore', file, '--json'], phraseOf(before))).toBe(0)
  expect(JSON.parse(heard.out)).toMatchObject({ isNew: false, before: null })
  for (const [identity, kept, holds] of [
    [first, `${file}.old`, before],
    [second, `${file}.old2`, first],
  ] as const) {
    heard.out = ''
    expect(await run(['restore', file, '--force', '--json'], phraseOf(identity))).toBe(0)
    const told = { file, peer: identity.peerId, isNew: true, before: kept }
    expect(JSON.parse(heard.out)).toEqual(told)
    expect((await readIdentity(file))?.peerId).toBe(identity.peerId)
    expect((await readIdentity(kept))?.peerId).toBe(holds.peerId)
  }
  expect(await readFile(`${file}.old`)).toEqual(bytes)
})

test('what is no key gives way by force, too', async () => {
  const file = join(await temporaryFolder(), 'key')
  await writeFile(file, 'scribble')
  const { peerId, ...key } = await fresh()
  expect(await run(['restore', file], phraseOf(key))).toBe(2)
  expect(heard.err).toContain('as it belongs to what is no key')
  expect(await run(['restore', file, '--force'], phraseOf(key))).toBe(0)
  expect((await readIdentity(file))?.peerId).toBe(peerId)
  expect(await readFile(`${file}.old`, 'utf8')).toBe('scribble')
})

test('the key that a volunteer joins by lies where the link says', async () => {
  const cache = await temporaryFolder()
  const { peerId: coordinator } = await fresh()
  const link = `barnraise:/ip4/127.0.0.1/tcp/1/p2p/${coordinator}#${'00'.repeat(8)}.token`
  const home = join(cache, coordinatorKey(coordinator))
  const file = join(home, 'identity.key')
  const ada = await fresh()
  const restore = ['restore', link, '--cache', cache]
  expect(await run(['backup', link, '--cache', cache])).toBe(2)
  expect(heard.err).toContain(`there is none in ${file}`)
  expect(await run(restore, phraseOf(ada))).toBe(0)
  expect((await readIdentity(file))?.peerId).toBe(ada.peerId)
  const { release } = await openVolunteerHome(home)
  expect(await run([...restore, '--force'], phraseOf(await fresh()))).toBe(2)
  expect(heard.err).toContain(`as process ${process.pid} on`)
  release()
  expect((await readIdentity(file))?.peerId).toBe(ada.peerId)
})

test('where the page of a run is gone, whoever has its key is told where it lies', async () => {
  const cache = await temporaryFolder()
  const nobody = 'http://127.0.0.1:9/#join=token'
  expect(await run(['backup', nobody, '--cache', cache])).toBe(2)
  expect(heard.err).toContain('Cannot tell which run the link is of')
  expect(heard.err).toContain(join(cache, '*', 'identity.key'))
})

test('a run without its key takes that of its coordinator, and no other', async () => {
  const root = await temporaryFolder()
  const ada = await fresh()
  await writeFile(join(root, 'run-config.bin'), '')
  await writeFile(join(root, 'coordinator'), `${ada.peerId}\n`)
  expect(await run(['restore', root], phraseOf(await fresh()))).toBe(2)
  expect(heard.err).toContain(`as it belongs to ${ada.peerId}`)
  expect(existsSync(join(root, 'identity.key'))).toBe(false)
  const lock = tryLock(join(root, 'journal.sqlite'))
  await writeFile(join(root, 'journal.sqlite'), '')
  expect(await run(['restore', root], phraseOf(ada))).toBe(2)
  expect(heard.err).toContain('uses what is there: stop it first')
  if (lock.status === 'taken') lock.release()
  expect(await run(['restore', root], phraseOf(ada))).toBe(0)
  expect((await readIdentity(join(root, 'identity.key')))?.peerId).toBe(ada.peerId)
})

for (const [what, words, stdin, said] of [
  [
    'a wrong word',
    ['restore', 'FOLDER/key'],
    'abandom',
    "word 1, 'abandom' (did you mean 'abandon'?)",
  ],
  ['no words', ['restore', 'FOLDER/key'], '', 'current value is 0 words'],
  ['a folder without a run', ['backup', 'FOLDER'], '', "as the folder 'FOLDER' has no run"],
  ['no file', ['backup', 'FOLDER/key'], '', 'there is none in FOLDER/key'],
  ['words as an argument', ['restore', 'FOLDER/key', 'abandon'], '', 'too many arguments'],
] as const) {
  test(`${what} is refused, and nothing is written`, async () => {
    const folder = await temporaryFolder()
    const code = await run(
      words.map((word) => word.replace('FOLDER', folder)),
      stdin,
    )
    expect(heard.err).toContain(said.replaceAll('FOLDER', folder))
    expect(code).toBe(2)
    expect(existsSync(join(folder, 'key'))).toBe(false)
  })
}
