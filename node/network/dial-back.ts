/**
 * Whether others reach this machine: a peer that is elsewhere is asked to dial back. It dials the
 * place from which it sees the question come and no other: nobody has a third party dialled. A
 * relay and a coordinator answer; whoever asks has to listen at the port that it names.
 */
import { isIP } from 'node:net'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import {
  encode,
  flag,
  type Infer,
  integer,
  ProtocolError,
  REASON_LENGTH_MAX,
  reasonOf,
  type Schema,
  struct,
  text,
  variants,
} from '../../protocol/index.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { hear } from './hear.ts'
import type { Host } from './host.ts'
import { DIAL_BACKS_MAX } from './limits.ts'
import { placeOfPeer } from './network-of.ts'
import { whyUnreached } from './unreachable.ts'

export const DIAL_BACK_PROTOCOL = '/barnraise/dial-back'

export const dialBackQuestion = struct({
  port: integer(1, 65_535),
  isWebSocket: flag,
})
export type DialBackQuestion = Infer<typeof dialBackQuestion>

const ADDRESS_LENGTH_MAX = 64
const anyText = text(ADDRESS_LENGTH_MAX)
/** It becomes part of a link, so it is nothing else. */
const address: Schema<string> = (value, path) => {
  const given = anyText(value, path)
  if (isIP(given) !== 0) return given
  throw new ProtocolError('malformed', `'${path}' must be an IP address`)
}
export const dialBackAnswer = variants({
  /** `address` is where the question comes from, as `192.0.2.1`. */
  reached: { address },
  missed: { address, reason: text(REASON_LENGTH_MAX) },
  /** The question comes through a proxy or a relay, or from the same machine. */
  unseen: {},
  /** Too many ask at the moment. */
  busy: {},
})
export type DialBackAnswer = Infer<typeof dialBackAnswer>

const DIAL_MS = 5_000
/** The answer comes after the dialling. */
const ANSWER_MS = 2 * DIAL_MS

/** @param placeOf where a peer is, by its address: see placeOfPeer */
export async function serveDialBack(host: Host, placeOf = placeOfPeer): Promise<void> {
  let dialling = 0

  async function answerTo(
    { port, isWebSocket }: DialBackQuestion,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<DialBackAnswer> {
    const place = placeOf(connection.remoteAddr.toString())
    if (place === null) return { type: 'unseen' }
    if (dialling >= DIAL_BACKS_MAX) return { type: 'busy' }
    const [, seen = ''] = place.split('/')
    const peer = connection.remotePeer.toString()
    const target = multiaddr(`/${place}/tcp/${port}${isWebSocket ? '/ws' : ''}/p2p/${peer}`)
    dialling += 1
    try {
      await withDeadline(DIAL_MS, signal, async (deadline) => {
        const back = await host.dial(target, { signal: deadline, force: true })
        back.abort(new NetworkError('lost', 'It was dialled to see whether it is reached'))
      })
      return { type: 'reached', address: seen }
    } catch (error) {
      return { type: 'missed', address: seen, reason: reasonOf(whyUnreached(error)) }
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
