/** That a run cannot be reached, in words: where, why, and what may be the matter here. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { findInvite } from '../../node/network/page-link.ts'
import { unreachable } from '../../node/network/unreachable.ts'

const PAGE = 'https://run.example.org'

/** What fetch throws: the reason is within. */
const failedWith = (code: string): Error =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(`${code}: …`), { code }) })

for (const [code, words] of [
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'there is no such name'],
  ['EAI_AGAIN', 'its name cannot be looked up: is this machine online?'],
  ['CERT_HAS_EXPIRED', 'is the clock of this machine right?'],
  ['CERT_NOT_YET_VALID', 'is the clock of this machine right?'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'nobody whom this machine trusts has signed its certificate'],
] as const) {
  test(`${code}: ${words}`, () => {
    const { message } = unreachable([PAGE], failedWith(code))
    expect(message).toContain(`Cannot reach the run at ${PAGE} (`)
    expect(message).toContain(words)
    expect(message).not.toContain(code)
  })
}

test('a page that has no TLS is told apart', async () => {
  const server = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await expect(findInvite(`https://127.0.0.1:${port}/#join=0123456789abcdef.w`)).rejects.toThrow(
    'its address may begin with http:// in place of https://',
  )
})

test('a network that wants a login first is told apart, by page or redirect', async () => {
  for (const [status, said] of [
    [302, 'it leads elsewhere: does this network want a login first?'],
    [200, 'does not answer as a run does (nor does a network that wants a login first)'],
  ] as const) {
    const server = createServer((_request, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/login' }).end('<html>Log in')
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const found = findInvite(`http://127.0.0.1:${port}/#join=0123456789abcdef.w`)
    await expect(found).rejects.toThrow(said)
  }
})
