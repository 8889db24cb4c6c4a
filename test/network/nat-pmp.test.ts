/** NAT-PMP, against a stand-in of a router on loopback. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { defaultRouter, mapByNatPmp, type Router } from '../../node/network/nat-pmp.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const HERE = '127.0.0.1'
const SECONDS = 7_200

/** @param answer what it says to a question; null: nothing */
async function router(answer: (question: Buffer, times: number) => Buffer | null): Promise<Router> {
  const socket = createSocket('udp4').bind(0, HERE)
  onTestFinished(() => void socket.close())
  await once(socket, 'listening')
  let times = 0
  socket.on('message', (question: Buffer, { port, address }: RemoteInfo) => {
    times += 1
    const said = answer(question, times)
    if (said !== null) socket.send(said, port, address)
  })
  return { address: HERE, port: socket.address().port }
}

/** RFC 6886: a router at 198.51.100.5 that gives the port above the one that is asked for. */
function answerOf(question: Buffer, result = 0): Buffer {
  const isMapping = question[1] === 2
  const answer = Buffer.alloc(isMapping ? 16 : 12)
  answer.writeUInt8(128 + question[1]!, 1)
  answer.writeUInt16BE(result, 2)
  if (isMapping) {
    answer.writeUInt16BE(question.readUInt16BE(4), 8)
    answer.writeUInt16BE(question.readUInt16BE(6) + 1, 10)
    answer.writeUInt32BE(question.readUInt32BE(8), 12)
  } else answer.set([198, 51, 100, 5], 8)
  return answer
}

const MAPPED = {
  status: 'mapped',
  mapping: { address: '198.51.100.5', port: 4002, seconds: SECONDS },
}

test('a port is mapped, and which one is said', async () => {
  const asked: string[] = []
  const address = await router((question) => {
    asked.push(question.toString('hex'))
    return answerOf(question)
  })
  expect(await mapByNatPmp(address, 4001, SECONDS)).toEqual(MAPPED)
  await mapByNatPmp(address, 4001, 0)
  expect(asked).toEqual(['0000', '000200000fa10fa100001c20', '0000', '000200000fa1000000000000'])
})

for (const [what, answer, status] of [
  ['says nothing', () => null, 'silent'],
  ['does not know it', (question: Buffer) => answerOf(question, 1), 'refused'],
  ['maps none', (question: Buffer) => answerOf(question, question[1] === 2 ? 2 : 0), 'refused'],
  ['has none left', (question: Buffer) => answerOf(question, question[1] === 2 ? 4 : 0), 'full'],
  ['answers something else', (question: Buffer) => answerOf(question).subarray(0, 11), 'silent'],
  ['repeats the question', (question: Buffer) => question, 'silent'],
] as const) {
  test(`a router that ${what} is ${status}`, async () =>
    expect(await mapByNatPmp(await router(answer), 4001, SECONDS)).toEqual({ status }))
}

test('a question that got lost is asked again', async () => {
  const address = await router((question, times) => (times % 2 === 1 ? null : answerOf(question)))
  expect(await mapByNatPmp(address, 4001, SECONDS)).toEqual(MAPPED)
})

test('where nothing listens nobody waits for ever', async () => {
  const { port = 0 } = await router(() => null)
  const nobody = { address: HERE, port: port === 65_535 ? port - 1 : port + 1 }
  expect(await mapByNatPmp(nobody, 4001, SECONDS)).toEqual({ status: 'silent' })
})

for (const [what, table, address] of [
  ['by its table', 'Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\t0003\n', '192.168.1.1'],
  ['not of a table without one', 'Iface\tDestination\tGateway\neth0\t0001A8C0\t00000000\n', null],
  ['not of a table of nonsense', 'x\neth0\t00000000\tzz\n', null],
] as const) {
  test(`the router is known ${what}`, async () => {
    const file = join(await temporaryFolder(), 'route')
    await writeFile(file, table)
    expect(await defaultRouter(file)).toBe(address)
  })
}

test('the router is not known where the system has no such table', async () =>
  expect(await defaultRouter('/nowhere/route')).toBe(null))
