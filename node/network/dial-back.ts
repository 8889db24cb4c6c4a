/**
 * Whether others reach the port of the pages here: a peer that is elsewhere is asked to come back.
 * It comes to the place from which it sees the question come and to no other, and only where that
 * is a place in the world, so nobody has a third party asked. A relay and a coordinator do it;
 * whoever asks answers at that port with what only it was told.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { Connection } from '@libp2p/interface'
import {
  encode,
  type Infer,
  integer,
  REASON_LENGTH_MAX,
  reasonOf,
  struct,
  text,
  variants,
  word,
} from '../../protocol/index.ts'
import { piecesOf } from '../stream-pieces.ts'
import { withDeadline } from './deadline.ts'
import { asError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { hear } from './hear.ts'
import type { Host } from './host.ts'
import { ipAddress } from './ip-address.ts'
import { DIAL_BACKS_MAX } from './limits.ts'
import { isOfHome } from './near.ts'
import { placeOfPeer } from './network-of.ts'
import { whyUnreached } from './unreachable.ts'

export const DIAL_BACK_PROTOCOL = '/barnraise/dial-back'
/** Where whoever asks answers. */
export const DIAL_BACK_PATH = '/dial-back'

/** Why a port is missed that leads to another machine. */
export const LEADS_ELSEWHERE = 'somebody else answers there'

const NONCE_LENGTH_MAX = 64
export const dialBackQuestion = struct({
  port: integer(1, 65_535),
  /** Chance that nobody else knows. */
  nonce: word(NONCE_LENGTH_MAX),
})
export type DialBackQuestion = Infer<typeof dialBackQuestion>

export const dialBackAnswer = variants({
  /** `address` is where the question comes from, as `192.0.2.1`; it becomes part of a link. */
  reached: { address: ipAddress },
  missed: { address: ipAddress, reason: text(REASON_LENGTH_MAX) },
  /** The question comes from within a home, through a proxy or a relay, or from this machine. */
  unseen: {},
  /** Too many ask at the moment. */
  busy: {},
})
export type DialBackAnswer = Infer<typeof dialBackAnswer>

const DIAL_MS = 5_000
/** The answer comes after the dialling. */
const ANSWER_MS = 2 * DIAL_MS

/** What stands at the port of whoever asked with the nonce. */
const proofOf = (nonce: string): string =>
  createHash('sha256').update(`dial-back ${nonce}`).digest('hex')

/** Answers one who comes back; false: the request is another. */
export function answerDialBack({ url = '' }: IncomingMessage, response: ServerResponse): boolean {
  const [path, nonce = ''] = url.split('?')
  if (path !== DIAL_BACK_PATH) return false
  response.end(proofOf(nonce.slice(0, NONCE_LENGTH_MAX)))
  return true
}

/** @param placeOf where a peer is in the world, by its address: see placeOfPeer */
export async function serveDialBack(host: Host, placeOf = placeInWorld): Promise<void> {
  let dialling = 0

  async function answerTo(
    { port, nonce }: DialBackQuestion,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<DialBackAnswer> {
    const place = placeOf(connection.remoteAddr.toString())
    if (place === null) return { type: 'unseen' }
    if (dialling >= DIAL_BACKS_MAX) return { type: 'busy' }
    dialling += 1
    try {
      const name = isIP(place) === 6 ? `[${place}]` : place
      const url = `http://${name}:${port}${DIAL_BACK_PATH}?${nonce}`
      const isThere = await withDeadline(DIAL_MS, signal, (deadline) => ask(url, nonce, deadline))
      if (isThere) return { type: 'reached', address: place }
      return { type: 'missed', address: place, reason: LEADS_ELSEWHERE }
    } catch (error) {
      return { type: 'missed', address: place, reason: reasonOf(whyUnreached(error)) }
    } finally {
      dialling -= 1
    }
  }

  await host.handle(
    DIAL_BACK_PROTOCOL,
    async (stream, connection) => {
      const frames = new Frames(stream, { idleTimeoutMs: DIAL_MS })
      try {
        await withDeadline(ANSWER_MS, frames.closed, async (signal) => {
          const question = await hear(frames, dialBackQuestion, 'question')
          await frames.write(encode(await answerTo(question, connection, signal)))
          await frames.close()
        })
      } catch (error) {
        frames.abort(asError(error))
        countFault(host, connection.remotePeer.toString(), error)
      }
    },
    { maxInboundStreams: 1 },
  )
}

/** Whether whoever knows the nonce answers there. It reads no more than the proof. */
async function ask(url: string, nonce: string, signal: AbortSignal): Promise<boolean> {
  const proof = proofOf(nonce)
  const answer = await fetch(url, { signal, redirect: 'error' })
  let said = ''
  for await (const piece of piecesOf(answer.body)) {
    said += new TextDecoder('latin1').decode(piece.subarray(0, proof.length + 1))
    if (said.length > proof.length) break
  }
  return said === proof
}

/** An address as `192.0.2.1`; null: it is not seen, or each home may have it. */
function placeInWorld(remoteAddr: string): string | null {
  const [, seen = ''] = placeOfPeer(remoteAddr)?.split('/') ?? []
  return seen === '' || isOfHome(seen) ? null : seen
}

/** @throws NetworkError `lost` where the peer does not answer such questions, or `timeout` */
export async function askDialBack(
  connection: Connection,
  question: DialBackQuestion,
  signal?: AbortSignal,
): Promise<DialBackAnswer> {
  return withDeadline(ANSWER_MS, signal, async (deadline) => {
    const frames = await openFrames(connection, DIAL_BACK_PROTOCOL, {
      signal: deadline,
      idleTimeoutMs: ANSWER_MS,
    })
    try {
      await frames.write(encode(question))
      await frames.close()
      return await hear(frames, dialBackAnswer, 'answer')
    } catch (error) {
      throw frames.abort(asError(error))
    }
  })
}
