/** Requests to pages over libp2p: answered as over HTTP, at no more cost than they may have. */
import type { Connection } from '@libp2p/interface'
import { expect, test, vi } from 'vitest'
import { connect } from '../../node/network/dial.ts'
import { openFrames } from '../../node/network/frames.ts'
import { type Answerer, askOver, serveHttp } from '../../node/network/http.ts'
import { HTTP_PROTOCOL } from '../../node/network/http-messages.ts'
import { HTTP_STREAMS_PER_PEER_MAX } from '../../node/network/limits.ts'
import { encode } from '../../protocol/index.ts'
import { addressesOf, testHost, testPair, until } from './hosts.ts'

async function served(answer: Answerer): Promise<Connection> {
  const { coordinator, connection } = await testPair('memory')
  await serveHttp(coordinator, answer, () => {})
  return connection
}

const echo: Answerer = async (request) =>
  Response.json({
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  })

test('what is asked arrives, and nothing else', async () => {
  const connection = await served(echo)
  const headers = {
    Authorization: 'Bearer w',
    Range: 'bytes=4-',
    'Content-Type': 'application/json',
    'X-Forwarded-For': '192.0.2.1',
    Cookie: 'a=b',
  }
  const answer = await askOver(connection, '/order?a=b', { method: 'POST', headers, body: '{}' })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('Content-Type')).toBe('application/json')
  expect(await answer.json()).toEqual({
    method: 'POST',
    url: 'http://run.invalid/order?a=b',
    headers: { authorization: 'Bearer w', range: 'bytes=4-', 'content-type': 'application/json' },
    body: '{}',
  })
})

for (const status of [200, 206, 403, 404, 503]) {
  test(`status ${status}, with what its headers say of the bytes`, async () => {
    const headers = {
      'Content-Range': 'bytes 4-6/7',
      'Content-Length': '3',
      'Content-Disposition': 'attachment; filename="a.zip"',
      'X-Other': 'lost',
    }
    const connection = await served(() => new Response('abc', { status, headers }))
    const answer = await askOver(connection, '/')
    expect(answer.status).toBe(status)
    expect(await answer.text()).toBe('abc')
    expect(answer.headers.get('Content-Range')).toBe('bytes 4-6/7')
    expect(answer.headers.get('Content-Length')).toBe('3')
    expect(answer.headers.get('Content-Disposition')).toContain('a.zip')
    expect(answer.headers.get('X-Other')).toBe(null)
  })
}

test('many bytes come whole', async () => {
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, i) => i % 251)
  const connection = await served(() => new Response(bytes))
  const answer = await askOver(connection, '/')
  expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
})

/** A stream of events that stays open; `ended` is called when nobody listens any more. */
function events(first: string, ended: () => void): Answerer {
  return () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(first)),
      cancel: ended,
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }
}

test('events come as they happen, and end when nobody listens', async () => {
  const ended = vi.fn()
  const connection = await served(events('data: 1', ended))
  const answer = await askOver(connection, '/events')
  const reader = answer.body!.getReader()
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: 1')
  expect(ended).not.toHaveBeenCalled()
  await reader.cancel()
  await expect.poll(() => ended.mock.calls.length, { timeout: 30_000 }).toBe(1)
})

test('they end when the connection does', async () => {
  const ended = vi.fn()
  const connection = await served(events('data: 1', ended))
  const answer = await askOver(connection, '/events')
  await answer.body!.getReader().read()
  connection.abort(new Error('gone'))
  await expect.poll(() => ended.mock.calls.length, { timeout: 30_000 }).toBe(1)
})

test('a body that breaks breaks the answer, and nothing else', async () => {
  const failures: Error[] = []
  const { coordinator, connection } = await testPair('memory')
  const body = () =>
    new ReadableStream({ pull: (controller) => controller.error(new Error('the disk broke')) })
  await serveHttp(
    coordinator,
    () => new Response(body()),
    (error) => failures.push(error),
  )
  const answer = await askOver(connection, '/')
  await expect(answer.text()).rejects.toThrow()
  await expect.poll(() => failures.map(({ message }) => message)).toEqual(['the disk broke'])
})

test('whoever does not end its own direction is ended, and keeps no place', async () => {
  const { coordinator, connection } = await testPair('memory')
  await serveHttp(coordinator, echo, () => {})
  const nothing = { accept: null, authorization: null, contentType: null, body: null }
  const asked = { method: 'GET', path: '/', lastEventId: null, range: null, ...nothing }
  const frames = await openFrames(connection, HTTP_PROTOCOL)
  await frames.write(encode(asked))
  while ((await frames.read()) !== null);
  const open = () =>
    coordinator
      .getConnections()
      .flatMap(({ streams }) => streams)
      .filter(({ protocol }) => protocol === HTTP_PROTOCOL).length
  expect(open()).toBe(1)
  await expect.poll(open, { timeout: 60_000 }).toBe(0)
})

test('one peer asks for so much at a time', async () => {
  const connection = await served(events('data: 1', () => {}))
  const answers: Response[] = []
  for (let i = 0; i < HTTP_STREAMS_PER_PEER_MAX; i++) {
    answers.push(await askOver(connection, '/events'))
  }
  await expect(askOver(connection, '/events')).rejects.toThrow()
  await answers[0]!.body!.cancel()
  const again = () =>
    askOver(connection, '/events').then(
      ({ status }) => status,
      () => null,
    )
  await expect.poll(again, { timeout: 30_000 }).toBe(200)
})

for (const [what, question] of [
  ['a path that leads elsewhere', { path: 'http://192.0.2.1/' }],
  ['a path with a host', { path: '//192.0.2.1/' }],
  ['no path', { path: '' }],
  ['another method', { method: 'DELETE' }],
  ['a field too many', { cookie: 'a=b' }],
  ['a header that HTTP has not', { accept: 'Ā' }],
] as const) {
  test(`${what} is refused, and nobody is asked`, async () => {
    const answer = vi.fn(echo)
    const connection = await served(answer)
    const nothing = { accept: null, authorization: null, contentType: null, body: null }
    const asked = { method: 'GET', path: '/', lastEventId: null, range: null, ...nothing }
    const frames = await openFrames(connection, HTTP_PROTOCOL)
    await frames.write(encode({ ...asked, ...question }))
    await frames.close()
    await expect(frames.read()).rejects.toThrow()
    expect(answer).not.toHaveBeenCalled()
  })
}

test('who watches may stay without joining, and goes when it watches no more', async () => {
  const coordinator = await testHost('memory', 'coordinator', {
    isMember: () => false,
    joinTimeoutMs: 100,
  })
  await serveHttp(
    coordinator,
    events('data: 1', () => {}),
    () => {},
  )
  const watcher = await testHost('memory', 'volunteer')
  const idler = await testHost('memory', 'volunteer')
  const connection = await connect(watcher, addressesOf(coordinator))
  const answer = await askOver(connection, '/events')
  await connect(idler, addressesOf(coordinator))
  const left = () => coordinator.getConnections().length
  await until(() => left() === 1, 'the one that only connected is gone')
  expect(coordinator.getConnections(watcher.peerId)).toHaveLength(1)
  await answer.body!.cancel()
  await until(() => left() === 0, 'the one that watched is gone')
})
