/**
 * NAT-PMP: asks the router of a home to lead one of its ports to this machine, in twelve bytes of
 * UDP, which it answers in sixteen.
 *
 * Source: RFC 6886 (§3.2 the router's address, §3.3 a mapping, §3.5 result codes)
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'

export interface PmpMapping {
  /** The router's own address, and its port that leads here. */
  address: string
  port: number
  /** It is forgotten after so long, unless it is asked for again. */
  seconds: number
}

/** Why a router maps nothing; `silent` also where there is none that knows this. */
export type PmpAnswer = { status: 'mapped'; mapping: PmpMapping } | { status: PmpRefusal }
type PmpRefusal = 'silent' | 'refused' | 'full'

export const NAT_PMP_PORT = 5351
/** A question is asked again after so long. */
const PATIENCE_MS = [250, 500, 1_000]
const ADDRESS_BYTES = 12
const MAPPING_BYTES = 16
const OP_ADDRESS = 0
const OP_MAP_TCP = 2
const OP_ANSWER = 128
/** Result codes: it succeeded; out of resources. All others are a no. */
const [SUCCESS, NO_ROOM] = [0, 4]

export interface Router {
  address: string
  /** @default NAT_PMP_PORT */
  port?: number
}

/** @param seconds how long it is asked for; 0 ends it */
export async function mapByNatPmp(
  router: Router,
  port: number,
  seconds: number,
): Promise<PmpAnswer> {
  const own = await ask(router, Buffer.from([0, OP_ADDRESS]), ADDRESS_BYTES)
  if (own === null) return { status: 'silent' }
  if (own.readUInt16BE(2) !== SUCCESS) return { status: 'refused' }
  const wanted = Buffer.alloc(12)
  wanted.writeUInt8(OP_MAP_TCP, 1)
  wanted.writeUInt16BE(port, 4)
  wanted.writeUInt16BE(seconds === 0 ? 0 : port, 6)
  wanted.writeUInt32BE(seconds, 8)
  const mapped = await ask(router, wanted, MAPPING_BYTES)
  if (mapped === null) return { status: 'silent' }
  const result = mapped.readUInt16BE(2)
  if (result !== SUCCESS) return { status: result === NO_ROOM ? 'full' : 'refused' }
  const address = [...own.subarray(8, 12)].join('.')
  const mapping = {
    address,
    port: mapped.readUInt16BE(10),
    seconds: mapped.readUInt32BE(12),
  }
  return { status: 'mapped', mapping }
}

/** The answer to this question; null: none came. */
async function ask(
  { address, port = NAT_PMP_PORT }: Router,
  question: Buffer,
  answerBytes: number,
): Promise<Buffer | null> {
  const socket = createSocket('udp4')
  try {
    socket.connect(port, address)
    await once(socket, 'connect')
    const answered = new Promise<Buffer | null>((resolve) => {
      // Nothing listens there.
      socket.on('error', () => resolve(null))
      socket.on('message', (answer) => {
        const isAnswer = answer[0] === 0 && answer[1] === question[1]! + OP_ANSWER
        if (isAnswer && answer.length >= answerBytes) resolve(answer)
      })
    })
    for (const patienceMs of PATIENCE_MS) {
      socket.send(question)
      const patience = Promise.withResolvers<undefined>()
      const timer = setTimeout(patience.resolve, patienceMs, undefined)
      const answer = await Promise.race([answered, patience.promise])
      clearTimeout(timer)
      if (answer !== undefined) return answer
    }
    return null
  } catch {
    return null
  } finally {
    socket.close()
  }
}

/** The router that leads out of this network; null: it is not known on this system. */
export async function defaultRouter(table = '/proc/net/route'): Promise<string | null> {
  const lines = await readFile(table, 'utf8').then(
    (text) => text.split('\n').slice(1),
    () => [],
  )
  for (const line of lines) {
    const [, destination, gateway = ''] = line.split('\t')
    // The table has addresses as this machine's numbers: the last part comes first.
    if (destination === '00000000' && /^[0-9A-F]{8}$/.test(gateway)) {
      return [...Buffer.from(gateway, 'hex')].reverse().join('.')
    }
  }
  return null
}
