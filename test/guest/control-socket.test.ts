/** The owner's commands, through a real socket. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { duration } from '../../node/cli/sizes.ts'
import type { ControlRequest, VolunteerStatus } from '../../node/guest/control.ts'
import { askVolunteer, listVolunteers, serveControl } from '../../node/guest/control-socket.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const STATUS = { name: 'ada' } as VolunteerStatus

/** A volunteer of process 42 in a folder, and what it was asked. */
async function newVolunteer(folder: string) {
  const asked: ControlRequest[] = []
  const stop = await serveControl(folder, 42, async (request) => {
    asked.push(request)
    return STATUS
  })
  onTestFinished(stop)
  return { asked, stop }
}

const newFolder = async () => join(await temporaryFolder(), 'control')

for (const request of [
  { command: 'status' },
  { command: 'pause', ms: null },
  { command: 'pause', ms: 60_000 },
  { command: 'resume', anyway: true },
  { command: 'finish' },
  { command: 'leave' },
] as ControlRequest[]) {
  test(`${JSON.stringify(request)} is heard and answered`, async () => {
    const folder = await newFolder()
    const { asked } = await newVolunteer(folder)
    expect(await listVolunteers(folder)).toEqual([42])
    expect(await askVolunteer(folder, 42, request)).toEqual(STATUS)
    expect(asked).toEqual([request])
  })
}

for (const [line, words] of [
  ['nonsense', 'must be a line of JSON'],
  ['{"command":"dance"}', "'command'"],
  ['{"command":"pause","ms":-1}', "'ms'"],
  ['{"command":"pause"}', "'ms'"],
  ['{"command":"resume","anyway":false,"loudly":true}', 'loudly'],
] as const) {
  test(`${line} is answered with what is wrong, and nothing is done`, async () => {
    const folder = await newFolder()
    const { asked } = await newVolunteer(folder)
    const socket = createConnection(join(folder, '42.sock'))
    socket.write(`${line}\n`)
    expect(JSON.parse(await text(socket)).error).toContain(words)
    expect(asked).toEqual([])
  })
}

test('a line that does not end is cut off', async () => {
  const folder = await newFolder()
  await newVolunteer(folder)
  const socket = createConnection(join(folder, '42.sock'))
  socket.on('error', () => {})
  socket.write('x'.repeat(100_000))
  await once(socket, 'close')
})

test('who is gone is not listed, and what a dead one left is taken away', async () => {
  const folder = await newFolder()
  const { stop } = await newVolunteer(folder)
  await stop()
  expect(await listVolunteers(folder)).toEqual([])
  // As a process leaves it that is killed: a file that nobody listens at.
  await writeFile(join(folder, '7.sock'), '')
  expect(await listVolunteers(folder)).toEqual([7])
  expect(await askVolunteer(folder, 7, { command: 'status' })).toBe(null)
  expect(await listVolunteers(folder)).toEqual([])
})

test('a new volunteer sweeps away what the dead left, and not the living', async () => {
  const folder = await newFolder()
  await mkdir(folder)
  const { pid: dead } = spawnSync(process.execPath, ['--version'])
  for (const pid of [dead, process.pid]) await writeFile(join(folder, `${pid}.sock`), '')
  const stop = await serveControl(folder, 1, async () => STATUS)
  onTestFinished(stop)
  expect(await listVolunteers(folder)).toEqual([1, process.pid])
})

test('a process that has the number of a dead one takes its place', async () => {
  const folder = await newFolder()
  await newVolunteer(folder)
  const { asked } = await newVolunteer(folder)
  await askVolunteer(folder, 42, { command: 'finish' })
  expect(asked).toHaveLength(1)
})

test('an answer that is an error, or none, is one', async () => {
  const folder = await newFolder()
  await newVolunteer(folder)
  for (const [pid, answer, words] of [
    [1, '{"error":"no"}\n', 'no'],
    [2, '', 'hung up'],
  ] as const) {
    const server = createServer((socket) => socket.end(answer)).listen(join(folder, `${pid}.sock`))
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    await expect(askVolunteer(folder, pid, { command: 'leave' })).rejects.toThrow(words)
  }
})

test("the sockets are this user's alone", async () => {
  const folder = await newFolder()
  await newVolunteer(folder)
  expect((await stat(folder)).mode & 0o077).toBe(0)
})

test('there is nobody where there is no folder', async () => {
  expect(await listVolunteers(await newFolder())).toEqual([])
})

for (const [written, ms] of [
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['1.5h', 5_400_000],
  ['1d', 86_400_000],
] as const) {
  test(`${written} is ${ms} ms`, () => expect(duration(written)).toBe(ms))
}

for (const written of ['30', 'm', '0m', '-1h', '1w', '']) {
  test(`'${written}' is no time`, () => expect(() => duration(written)).toThrow('30m'))
}
