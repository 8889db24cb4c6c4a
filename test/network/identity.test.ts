/** An identity is made once, kept, and proves itself by its id alone. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { generateKeyPair, generateKeyPairFromSeed, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { describe, expect, onTestFinished, test } from 'vitest'
import { identityOf, verifySignature } from '../../node/network/identity.ts'
import { loadIdentity } from '../../node/network/identity-file.ts'
import { utf8ToBytes } from '../../protocol/digest.ts'
import { ConfigError } from '../../protocol/errors.ts'

async function identityFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-identity-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return join(folder, 'deep', 'identity')
}

test('the first load makes a key that only its owner reads, the next ones find it', async () => {
  const file = await identityFile()
  const made = await loadIdentity(file)
  const bytes = await readFile(file)
  expect(made.peerId).toMatch(/^12D3KooW/)
  if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await loadIdentity(file)).peerId).toBe(made.peerId)
  expect(await readFile(file)).toEqual(bytes)
})

test('ten loads at once agree on one identity', async () => {
  const file = await identityFile()
  const loaded = await Promise.allSettled(Array.from({ length: 10 }, () => loadIdentity(file)))
  const ids = loaded.map((one) =>
    one.status === 'fulfilled' ? one.value.peerId : String(one.reason),
  )
  expect(new Set(ids)).toEqual(new Set([(await loadIdentity(file)).peerId]))
  expect(await readdir(dirname(file))).toEqual([basename(file)])
})

describe('a file that holds no key of ours is left alone, and the operator told', () => {
  for (const [name, contents] of [
    ['nothing', async () => new Uint8Array(0)],
    ['text', async () => utf8ToBytes('my key')],
    ['half a key', async () => privateKeyToProtobuf(await generateKeyPair('Ed25519')).slice(0, 40)],
    ['a key of another kind', async () => privateKeyToProtobuf(await generateKeyPair('secp256k1'))],
  ] as const) {
    test(name, async () => {
      const file = await identityFile()
      await loadIdentity(file)
      const bytes = await contents()
      await writeFile(file, bytes)
      const load = loadIdentity(file)
      await expect(load).rejects.toThrow(ConfigError)
      await expect(load).rejects.toThrow(`Cannot use the identity in ${file}`)
      expect(new Uint8Array(await readFile(file))).toEqual(bytes)
    })
  }

  test('a folder', async () => {
    const file = await identityFile()
    await loadIdentity(join(file, 'inside'))
    await expect(loadIdentity(file)).rejects.toThrow('Cannot read or create the identity')
  })

  test('a file where the folder should be', async () => {
    const file = await identityFile()
    await loadIdentity(file)
    await chmod(file, 0o600)
    await expect(loadIdentity(join(file, 'inside'))).rejects.toThrow(ConfigError)
  })
})

describe('what is no file, or takes none, is refused at once', () => {
  for (const [what, place] of [
    ['a pipe that nobody writes to', pipe],
    ['a device', () => '/dev/zero'],
    ['a place where nothing can be made', () => '/proc/nothing/below/key'],
  ] as const) {
    test(what, async () => {
      const file = await place()
      const load = loadIdentity(file)
      await expect(load).rejects.toThrow(ConfigError)
      await expect(load).rejects.toThrow(`Cannot read or create the identity in ${file}`)
    })
  }
})

async function pipe(): Promise<string> {
  const file = await identityFile()
  await mkdir(dirname(file))
  execFileSync('mkfifo', [file])
  return file
}

describe('a signature is checked from the id alone', async () => {
  const seeded = async (seed: number) =>
    identityOf(await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(seed)))
  const [ada, bob] = [await seeded(1), await seeded(2)]
  const body = utf8ToBytes('what was done')
  const signature = await ada.sign(body)
  const flipped = signature.map((byte, index) => (index === 9 ? byte ^ 1 : byte))

  for (const [name, peerId, bytes, proof, expected] of [
    ['the signer’s', ada.peerId, body, signature, true],
    ['another peer’s', bob.peerId, body, signature, false],
    ['over other bytes', ada.peerId, utf8ToBytes('what was not'), signature, false],
    ['with a bit changed', ada.peerId, body, flipped, false],
    ['cut short', ada.peerId, body, signature.slice(1), false],
    ['empty', ada.peerId, body, new Uint8Array(0), false],
    ['of an id that is none', 'ada', body, signature, false],
    ['of an empty id', '', body, signature, false],
    [
      'of an id that holds no key',
      'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
      body,
      signature,
      false,
    ],
  ] as const) {
    test(`${name}: ${expected}`, async () => {
      expect(await verifySignature(peerId, bytes, proof)).toBe(expected)
    })
  }
})
