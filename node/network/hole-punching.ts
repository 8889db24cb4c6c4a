/**
 * How two who are behind routers come together without the relay by which they met: each dials
 * what the relay sees of the other, from the port by which it came to the relay, both at once. Each
 * router takes what comes then for the answer to what it let out, and of the two dials one
 * connection is made (simultaneous open, RFC 9293, section 3.5). Where a router gives each
 * connection another port, nothing comes of it, and the two go on through the relay.
 *
 * libp2p's own protocol for it, DCUtR, has each peer say where it is, so that one can have the
 * other dial third parties. Here the relay says what it sees, and it cannot lead to what is nearer
 * than itself. It tells both at the same moment: as no way is longer than a detour, what each sends
 * leaves its router before what the other sends is there, so nobody measures time.
 */
import type { Connection, Libp2p as Host } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import {
  encode,
  type Infer,
  integer,
  PEER_ID_LENGTH_MAX,
  REASON_LENGTH_MAX,
  reasonOf,
  struct,
  text,
  variants,
  word,
} from '../../protocol/index.ts'
import { withDeadline } from './deadline.ts'
import { asError, NetworkError } from './errors.ts'
import { countFault } from './faults.ts'
import { Frames, openFrames } from './frames.ts'
import { hear } from './hear.ts'
import { ipAddress } from './ip-address.ts'
import { type DialFrom, dialerFrom } from './known-ports.ts'
import { INTRODUCTIONS_MAX, PUNCHES_MAX } from './limits.ts'
import { isNoNearer } from './near.ts'
import { notePunched } from './way.ts'

/** A volunteer asks its relay. */
export const INTRODUCE_PROTOCOL = '/barnraise/introduce'
/** The relay tells a host. */
export const MEET_PROTOCOL = '/barnraise/meet'

export const introduceQuestion = struct({ peer: word(PEER_ID_LENGTH_MAX) })
/** Where the relay sees a peer. */
const seenAt = { address: ipAddress, port: integer(1, 65_535) }
export const introduction = struct({ peer: word(PEER_ID_LENGTH_MAX), ...seenAt })
export const introduceAnswer = variants({
  meet: seenAt,
  /** The relay cannot bring the two together. */
  apart: { reason: text(REASON_LENGTH_MAX) },
})
type Seen = Omit<Infer<typeof introduction>, 'peer'>

/** A relay answers with what it has. */
const INTRODUCE_MS = 3_000
/** The first word is lost where its router was slower; TCP says it again after one second. */
const PUNCH_MS = 3_000
/** Routers that answer for a host that has not dialled yet refuse at once. */
const AGAIN_MS = 50

/** A relay tells two who are here of each other where one asks for it and the other hears of it. */
export async function serveIntroductions(host: Host): Promise<void> {
  let introducing = 0

  async function introduce(
    { peer }: Infer<typeof introduceQuestion>,
    asking: Frames,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<void> {
    if (introducing > INTRODUCTIONS_MAX) throw new NetworkError('lost', 'too many ask')
    const from = seenOf(connection)
    const other = seenAmong(host, peer)
    if (from === null || other === null) {
      throw new NetworkError('lost', 'the relay does not see where one of them comes from')
    }
    const told = await openFrames(other.connection, MEET_PROTOCOL, { signal })
    const fromPeer = connection.remotePeer.toString()
    await Promise.all([
      told.write(encode({ peer: fromPeer, ...from })),
      asking.write(encode({ type: 'meet', ...other.seen })),
    ])
    await told.close()
  }

  await host.handle(
    INTRODUCE_PROTOCOL,
    async (stream, connection) => {
      const frames = new Frames(stream, { idleTimeoutMs: INTRODUCE_MS })
      introducing += 1
      try {
        await withDeadline(INTRODUCE_MS, frames.closed, async (signal) => {
          const question = await hear(frames, introduceQuestion, 'question')
          await introduce(question, frames, connection, signal).catch((error) =>
            frames.write(encode({ type: 'apart', reason: reasonOf(asError(error).message) })),
          )
          await frames.close()
        })
      } catch (error) {
        frames.abort(asError(error))
        countFault(host, connection.remotePeer.toString(), error)
      } finally {
        introducing -= 1
      }
    },
    { maxInboundStreams: 1 },
  )
}

/** A host dials whom its relays tell it of, each of whom it takes for one that came to it. */
export async function servePunches(host: Host): Promise<void> {
  let punching = 0
  await host.handle(
    MEET_PROTOCOL,
    async (stream, connection) => {
      const frames = new Frames(stream, { idleTimeoutMs: INTRODUCE_MS })
      const dial = dialerFrom(connection)
      punching += 1
      try {
        if (dial === null) throw new NetworkError('lost', 'Nobody but a relay leads elsewhere')
        if (punching > PUNCHES_MAX) throw new NetworkError('lost', 'Too many come at once')
        const { peer, ...seen } = await hear(frames, introduction, 'introduction')
        await frames.close()
        await punch(dial, addressTold(seen, peer, `${connection.remoteAddr}`), false)
      } catch (error) {
        frames.abort(asError(error))
        countFault(host, connection.remotePeer.toString(), error)
      } finally {
        punching -= 1
      }
    },
    { maxInboundStreams: PUNCHES_MAX },
  )
}

/**
 * A connection to the peer that needs no relay. Nothing has been said yet by the one that does.
 * @throws Error when there is none to be had
 */
export async function withoutRelay(
  host: Host,
  relayed: Connection,
  signal?: AbortSignal,
): Promise<Connection> {
  const peer = relayed.remotePeer.toString()
  const relay = relayOf(relayed)
  for (const connection of host.getConnections()) {
    const dial = dialerFrom(connection)
    if (dial === null || connection.remotePeer.toString() !== relay) continue
    const seen = await askToMeet(connection, peer, signal)
    return punch(dial, addressTold(seen, peer, `${connection.remoteAddr}`), true, signal)
  }
  throw new NetworkError('lost', 'The port by which the relay was dialled is not known')
}

async function askToMeet(relay: Connection, peer: string, signal?: AbortSignal): Promise<Seen> {
  return withDeadline(INTRODUCE_MS, signal, async (deadline) => {
    const frames = await openFrames(relay, INTRODUCE_PROTOCOL, {
      signal: deadline,
      idleTimeoutMs: INTRODUCE_MS,
    })
    try {
      await frames.write(encode({ peer }))
      const answer = await hear(frames, introduceAnswer, 'answer')
      if (answer.type === 'apart') throw new NetworkError('lost', answer.reason)
      frames.close().catch(() => {})
      return answer
    } catch (error) {
      throw frames.abort(asError(error))
    }
  })
}

/** Dials again and again for a while. */
function punch(
  dial: DialFrom,
  address: Multiaddr,
  initiator: boolean,
  parent?: AbortSignal,
): Promise<Connection> {
  return withDeadline(PUNCH_MS, parent, async (signal) => {
    for (;;) {
      try {
        return notePunched(await dial(address, { initiator, signal }))
      } catch {
        signal.throwIfAborted()
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
  })
}

/** @param relay the address of the one that says it. @throws NetworkError where that is farther */
export function addressTold({ address, port }: Seen, peer: string, relay: string): Multiaddr {
  const family = address.includes(':') ? 'ip6' : 'ip4'
  const told = `/${family}/${address}/tcp/${port}/p2p/${peer}`
  if (isNoNearer(told, relay)) return multiaddr(told)
  throw new NetworkError('lost', `The relay names ${address}, which is nearer than itself`)
}

/** The id of the relay that passes a connection on; empty: none does. */
function relayOf({ remoteAddr }: Connection): string {
  const [way = '', through] = `${remoteAddr}`.split('/p2p-circuit')
  return through === undefined ? '' : (way.split('/p2p/').at(-1) ?? '')
}

/** Where a peer comes from; null: by WebSockets, from behind what speaks for it, or relayed. */
function seenOf({ remoteAddr }: Connection): Seen | null {
  const [, address = '', port] =
    /^\/ip[46]\/([^/]+)\/tcp\/(\d+)(?:\/p2p\/\w+)?$/.exec(`${remoteAddr}`) ?? []
  return port === undefined ? null : { address, port: Number(port) }
}

function seenAmong(host: Host, peer: string): { connection: Connection; seen: Seen } | null {
  for (const connection of host.getConnections()) {
    if (connection.remotePeer.toString() !== peer) continue
    const seen = seenOf(connection)
    if (seen !== null) return { connection, seen }
  }
  return null
}
