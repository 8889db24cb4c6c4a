/**
 * A gateway on loopback before the pages of a host, as reverse proxies and tunnels are. It can be
 * gone, or be there without the host, and it can have the pages of another build.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { onTestFinished } from 'vitest'
import { freePort } from '../roles/free-port.ts'

export type Answers =
  | 'as its host does'
  /** It is there, and its host is not. */
  | 'that its host is away'
  /** It takes what is asked, and says nothing. */
  | 'nothing'
  /** Nobody listens. */
  | 'not at all'

export interface Gateway {
  address: string
  answer(how: Answers): Promise<void>
  /** The pages are those of a build that has other names. */
  rename(names: ReadonlyMap<string, string>): void
}

/** Whatever has the names of built files in it. */
const TEXT = /^\/(service-worker\.js)?$/

/** @param host the address of the pages */
export async function startGateway(host: string): Promise<Gateway> {
  const { hostname, port, origin } = new URL(host)
  const here = await freePort()
  let answers: Answers = 'as its host does'
  let names: ReadonlyMap<string, string> = new Map()

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = [...names].reduce((url, [old, other]) => url.replace(other, old), request.url!)
    const { method = 'GET', headers } = request
    const sent = new Headers({ 'Accept-Encoding': 'identity' })
    for (const name of ['authorization', 'last-event-id', 'range']) {
      if (typeof headers[name] === 'string') sent.set(name, headers[name])
    }
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const answer = await fetch(origin + path, { method, headers: sent, signal: gone.signal })
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    if (!TEXT.test(path)) return pipeline(answer.body ?? [], response)
    const text = await answer.text()
    response.end([...names].reduce((all, [old, other]) => all.replaceAll(old, other), text))
  }

  const server = createServer((request, response) => {
    if (answers === 'that its host is away') response.writeHead(502).end('Bad gateway')
    if (answers === 'as its host does') pass(request, response).catch(() => response.destroy())
  })
  server.on('upgrade', ({ url, rawHeaders }, socket) => {
    const upstream = connect({ host: hostname, port: Number(port) })
    const headers = rawHeaders.map((part, index) => part + (index % 2 === 0 ? ': ' : '\r\n'))
    upstream.write(`GET ${url} HTTP/1.1\r\n${headers.join('')}\r\n`)
    socket.pipe(upstream).pipe(socket)
    socket.once('error', () => upstream.destroy()).once('close', () => upstream.destroy())
    upstream.once('error', () => socket.destroy()).once('close', () => socket.destroy())
  })

  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  /** Ends what goes through it, WebSockets, too, of which the server itself thinks no more. */
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  async function close(): Promise<void> {
    cut()
    await new Promise((resolve) => server.close(resolve))
  }
  const listen = () => new Promise<void>((resolve) => server.listen(here, '127.0.0.1', resolve))

  await listen()
  onTestFinished(close)
  return {
    address: `http://127.0.0.1:${here}/`,
    async answer(how) {
      cut()
      if (how === 'not at all') await close()
      else if (!server.listening) await listen()
      answers = how
    },
    rename(given) {
      names = given
    },
  }
}
