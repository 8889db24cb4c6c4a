/**
 * Where a volunteer hears its owner's commands: a Unix socket named after the process, in a folder
 * that is this user's alone; on Windows a named pipe. One line of JSON comes, one goes.
 */
import { once } from 'node:events'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { platform } from 'node:os'
import { join } from 'node:path'
import { ConfigError } from '../../protocol/index.ts'
import { IN_WORDS, shapeFaults } from '../shape-faults.ts'
import {
  type ControlReply,
  type ControlRequest,
  controlRequest,
  type VolunteerStatus,
} from './control.ts'

const LINE_BYTES_MAX = 65_536
/** How long either side waits for the other. */
const TIMEOUT_MS = 5_000
const IS_WINDOWS = platform() === 'win32'
const PIPES = '\\\\.\\pipe\\'

/**
 * Hears commands until the function that it returns is called.
 * @param folder of the sockets; it is made, for this user alone
 * @throws when no socket can be made there
 */
export async function serveControl(
  folder: string,
  pid: number,
  handle: (request: ControlRequest) => Promise<VolunteerStatus>,
): Promise<() => Promise<void>> {
  if (!IS_WINDOWS) await sweep(folder)
  return serveSocket(folder, String(pid), (value) => replyTo(value, handle))
}

/**
 * Answers one line of JSON by another, at a socket of this name, until the function that it returns
 * is called. What is no JSON is null.
 */
export async function serveSocket(
  folder: string,
  name: string,
  reply: (value: unknown) => Promise<unknown>,
): Promise<() => Promise<void>> {
  const path = pathOf(folder, name)
  if (!IS_WINDOWS) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // Left by a process that had the same name and died.
    await rm(path, { force: true })
  }
  const server = createServer((socket) => {
    answer(socket, reply).catch(() => socket.destroy())
  })
  server.listen(path)
  await once(server, 'listening')
  return async () => {
    server.close()
    await once(server, 'close')
  }
}

/** Takes away what those left that were killed. */
async function sweep(folder: string): Promise<void> {
  const dead = (await listVolunteers(folder)).filter((pid) => !isAlive(pid))
  await Promise.all(dead.map((pid) => rm(pathOf(folder, String(pid)), { force: true })))
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // It lives, and is somebody else's by now.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function pathOf(folder: string, name: string): string {
  return IS_WINDOWS ? `${PIPES}barnraise-${name}` : join(folder, `${name}.sock`)
}

async function answer(socket: Socket, reply: (value: unknown) => Promise<unknown>): Promise<void> {
  const value = jsonOf(await readLine(socket))
  socket.end(`${JSON.stringify(await reply(value))}\n`)
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

async function replyTo(
  value: unknown,
  handle: (request: ControlRequest) => Promise<VolunteerStatus>,
): Promise<ControlReply> {
  if (value === null) return { error: 'Cannot follow a command as it must be a line of JSON' }
  const request = controlRequest.safeParse(value, IN_WORDS)
  try {
    if (request.success) return { status: await handle(request.data) }
  } catch (error) {
    if (error instanceof ConfigError) return { error: error.message }
    throw error
  }
  return { error: `Cannot follow a command as ${shapeFaults(request.error)}` }
}

/** @throws when none comes whole, in time, in its bounds */
async function readLine(socket: Socket): Promise<string> {
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')))
  let text = ''
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    text += String(piece)
    const end = text.indexOf('\n')
    if (end >= 0) return text.slice(0, end)
    if (text.length > LINE_BYTES_MAX) throw new Error('the line is too long')
  }
  throw new Error('it hung up')
}

/** The processes of this user's volunteers, in order; some may be dead. */
export async function listVolunteers(folder: string): Promise<number[]> {
  const names = await readdir(IS_WINDOWS ? PIPES : folder).catch(() => [])
  const pattern = IS_WINDOWS ? /^barnraise-(\d+)$/ : /^(\d+)\.sock$/
  return names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** null: it is dead. @throws when it lives but does not answer, or answers with an error */
export async function askVolunteer(
  folder: string,
  pid: number,
  request: ControlRequest,
): Promise<VolunteerStatus | null> {
  const reply = (await askSocket(folder, String(pid), request)) as ControlReply | null
  if (reply === null) return null
  if ('error' in reply) throw new Error(reply.error)
  return reply.status
}

/** null: nobody answers to that name. @throws when it lives but does not answer in time */
export async function askSocket(
  folder: string,
  name: string,
  request: unknown,
): Promise<object | null> {
  const path = pathOf(folder, name)
  const socket = createConnection(path)
  try {
    await once(socket, 'connect')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ECONNREFUSED' && code !== 'ENOENT') throw error
    if (!IS_WINDOWS) await rm(path, { force: true })
    return null
  }
  try {
    socket.write(`${JSON.stringify(request)}\n`)
    return JSON.parse(await readLine(socket)) as object
  } finally {
    socket.destroy()
  }
}
