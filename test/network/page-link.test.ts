/** The address of a page as a link: the run's coordinator is asked of the page. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { awaitInvite, hearWhileWaiting } from '../../node/cli/await-invite.ts'
import { askVolunteer, listVolunteers } from '../../node/guest/control-socket.ts'
import { findInvite } from '../../node/network/page-link.ts'
import { ConfigError } from '../../protocol/errors.ts'

const ID = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const RELAY = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const WORD = '0123456789abcdef.t0k'

async function serve(body: string): Promise<string> {
  const server = createServer(({ url }, response) =>
    url === '/invitation' || url === '/relay' ? response.end(body) : response.writeHead(404).end(),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return String((server.address() as AddressInfo).port)
}

test('a page names its coordinator, and its link the run and the token', async () => {
  const port = await serve(JSON.stringify({ coordinator: ID, run: 'r', link: null }))
  expect(await findInvite(` http://127.0.0.1:${port}/#join=${WORD}\n`)).toEqual({
    addresses: [`/ip4/127.0.0.1/tcp/${port}/ws/p2p/${ID}`],
    coordinator: ID,
    run: '0123456789abcdef',
    token: 't0k',
  })
})

test("a relay's page names itself, and its link the coordinator", async () => {
  const port = await serve(JSON.stringify({ relay: RELAY }))
  expect(await findInvite(`http://127.0.0.1:${port}/#at=${ID}&join=${WORD}`)).toEqual({
    addresses: [`/ip4/127.0.0.1/tcp/${port}/ws/p2p/${RELAY}/p2p-circuit/p2p/${ID}`],
    coordinator: ID,
    run: '0123456789abcdef',
    token: 't0k',
  })
})

for (const [what, at, body, why] of [
  ['that is none', ID, JSON.stringify({ coordinator: ID }), /shows no relay/],
  ['that leads to nobody', 'nobody', JSON.stringify({ relay: RELAY }), /no multiaddr/],
] as const) {
  test(`a relay ${what} is refused`, async () => {
    const port = await serve(body)
    const found = findInvite(`http://127.0.0.1:${port}/#at=${at}&join=${WORD}`)
    await expect(found).rejects.toThrow(why)
  })
}

for (const [what, body, word, why] of [
  ['a page of something else', '<p>hello', WORD, /does not answer as a run does/],
  ['one that names no coordinator', '{}', WORD, /shows no run/],
  ['one whose coordinator is none', '{"coordinator":"me"}', WORD, /no multiaddr/],
  ['a word that is none', JSON.stringify({ coordinator: ID }), 'xyz', /hexadecimal digits/],
] as const) {
  test(`${what} is refused`, async () => {
    const port = await serve(body)
    const found = findInvite(`http://127.0.0.1:${port}/#join=${word}`)
    await expect(found).rejects.toThrow(ConfigError)
    await expect(found).rejects.toThrow(why)
  })
}

test('a page that nobody serves is asked again until somebody does', async () => {
  const port = await serve(JSON.stringify({ coordinator: ID }))
  const first = vi.spyOn(globalThis, 'fetch').mockRejectedValueOnce(new TypeError('fetch failed'))
  onTestFinished(() => first.mockRestore())
  const told: string[] = []
  const link = `http://127.0.0.1:${port}/#join=${WORD}`
  const invite = await awaitInvite(link, { tell: (line) => void told.push(line), retryMs: 0 })
  expect(invite).toMatchObject({ coordinator: ID, token: 't0k' })
  expect(told).toEqual([
    `Cannot reach the run at http://127.0.0.1:${port} (fetch failed); trying again in 0 s ` +
      '(Ctrl-C stops)',
  ])
})

test('where no name can be looked up for a while, it waits and says why', async () => {
  const port = await serve(JSON.stringify({ coordinator: ID }))
  const cause = Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' })
  const away = new TypeError('fetch failed', { cause })
  const asked = vi.spyOn(globalThis, 'fetch')
  for (let times = 0; times < 3; times++) asked.mockRejectedValueOnce(away)
  onTestFinished(() => asked.mockRestore())
  const told: string[] = []
  const link = `http://127.0.0.1:${port}/#join=${WORD}`
  const invite = await awaitInvite(link, { tell: (line) => void told.push(line), retryMs: 0 })
  expect(invite).toMatchObject({ coordinator: ID })
  expect(told[0]).toContain('(its name cannot be looked up: is this machine online?); trying again')
})

test('whoever interrupts the wait has left', async () => {
  const told = (line: string) => {
    expect(line).toContain('trying again in 1 s (Ctrl-C stops)')
    process.emit('SIGINT')
  }
  expect(await awaitInvite(`http://127.0.0.1:1/#join=${WORD}`, { tell: told })).toBe(null)
})

test('whoever waits is listed, and leaves when told to', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'barnraise-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const described = { name: 'ada', threads: 1, memoryBytesMax: 1e9 }
  const hearing = hearWhileWaiting(folder, described)
  const heard = Promise.withResolvers<void>()
  const waiting = awaitInvite(`http://127.0.0.1:1/#join=${WORD}`, {
    tell: () => {},
    hear: async (leave) => {
      const stop = await hearing(leave)
      heard.resolve()
      return stop
    },
  })
  await heard.promise
  const status = await askVolunteer(folder, process.pid, { command: 'status' })
  expect(status).toMatchObject({ name: 'ada', run: null, way: null, activity: 'connecting' })
  const paused = askVolunteer(folder, process.pid, { command: 'pause', ms: null })
  await expect(paused).rejects.toThrow('it can only leave')
  await askVolunteer(folder, process.pid, { command: 'leave' })
  expect(await waiting).toBe(null)
  expect(await listVolunteers(folder)).toEqual([])
})

test('a page that never ends is no run, and is not waited for', async () => {
  let pieces = 0
  const server = createServer((_, response) => {
    const more = () => {
      while (response.write('x'.repeat(16_384))) pieces += 1
    }
    response.on('drain', more)
    more()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const found = findInvite(`http://127.0.0.1:${port}/#join=${WORD}`)
  await expect(found).rejects.toThrow('does not answer as a run does')
  await expect(found).rejects.toThrow(ConfigError)
  expect(pieces).toBeGreaterThan(0)
})

test('where no command can be heard, it is waited for all the same', async () => {
  const told: string[] = []
  const waiting = awaitInvite(`http://127.0.0.1:1/#join=${WORD}`, {
    tell: (line) => {
      told.push(line)
      if (told.length === 3) process.emit('SIGINT')
    },
    hear: () => Promise.reject(new Error('the folder is a file')),
    retryMs: 1,
  })
  expect(await waiting).toBe(null)
  expect(told[1]).toBe('Commands such as `leave` will not reach it: the folder is a file')
})
