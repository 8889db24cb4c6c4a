/** Uploads that nothing can come of are refused, and the token is for the Hub alone. */
import { expect, test } from 'vitest'
import { hubTarget } from '../../node/hub/upload.ts'
import { uploadFetch } from '../../node/hub/upload-fetch.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { standIn } from './stand-in.ts'

const SETTINGS = {
  endpoint: 'https://huggingface.co',
  token: 'hf_abc',
  cache: '/nowhere',
  isOffline: false,
}

const TOKENS = 'make one that may write at https://huggingface.co/settings/tokens'

for (const [name, change, expected] of [
  ['org/name', {}, null],
  ['org/name', { endpoint: 'http://127.0.0.1:80' }, null],
  ['org/name', { token: null }, `there is no token of the Hub: ${TOKENS}, and give it in HF_TOKEN`],
  ['org/name', { token: '"hf_abc"' }, `begins with 'hf_', and this one does not: ${TOKENS}`],
  ['org/name', { endpoint: 'http://hub.example.org' }, 'HF_ENDPOINT must be an https address'],
  ['org/name', { endpoint: 'hub' }, 'HF_ENDPOINT must be an https address'],
  ['org/name', { isOffline: true }, 'HF_HUB_OFFLINE is set'],
  ['name', {}, 'must be of the form org/name'],
  ['org/name@v1', {}, 'must be of the form org/name'],
  ['org/name:file', {}, 'must be of the form org/name'],
  ['org/..', {}, 'must be of the form org/name'],
  ['datasets/org/name', {}, 'must be of the form org/name'],
  ['https://huggingface.co/org/name', {}, 'must be of the form org/name'],
] as const) {
  test(`${name}, ${JSON.stringify(change)}: ${expected ?? 'fine'}`, () => {
    const make = () => hubTarget(name, { ...SETTINGS, ...change })
    if (expected === null) {
      expect(make()).toMatchObject({ id: name, token: 'hf_abc' })
    } else {
      expect(make).toThrow(ConfigError)
      expect(make).toThrow(expected)
    }
  })
}

test('the token goes to the Hub alone, and no redirect is followed', async () => {
  const [hub, other] = [await standIn({ a: Buffer.from('a') }), await standIn({})]
  const target = { id: 'org/name', endpoint: hub.url, token: 'hf_abc' }
  const failures: unknown[] = []
  const hearer = { onBytes: () => {}, onFailure: (error: unknown) => failures.push(error) }
  const ask = uploadFetch(target, hearer, new AbortController().signal)
  const headers = { authorization: 'Bearer hf_abc' }
  for (const { url } of [hub, other]) await ask(`${url}/api/whoami-v2`, { headers })
  expect(hub.requests.map(({ token }) => token)).toEqual(['Bearer hf_abc'])
  expect(other.requests.map(({ token }) => token)).toEqual([null])
  expect(failures).toEqual([])
  hub.elsewhere = other.url
  const moved = ask(`${hub.url}/org/name/resolve/main/a`, { headers })
  await expect(moved).rejects.toThrow('the repository has another name now: give that (302)')
  expect([failures.length, other.requests.length]).toEqual([1, 1])
})
