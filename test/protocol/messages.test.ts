/** Every field of every message is checked, and no bytes of a peer do more than a ProtocolError. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decode, encode } from '../../protocol/codec.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import * as limits from '../../protocol/limits.ts'
import {
  decodeNotice,
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  REFUSALS,
  REPLY_BYTES_MAX,
  type Reply,
  type Request,
} from '../../protocol/messages.ts'
import {
  exampleContribution,
  exampleNotices,
  exampleReplies,
  exampleRequests,
} from './example-messages.ts'

const directions = [
  ['request', decodeRequest, exampleRequests],
  ['reply', decodeReply, exampleReplies],
  ['notice', decodeNotice, exampleNotices],
] as [string, (frame: Uint8Array) => unknown, Record<string, Record<string, unknown>>][]

/** The paths of all fields, those of objects in lists included. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (value instanceof Uint8Array || value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, item]) => {
    const here = [...path, key]
    return Array.isArray(value) ? pathsOf(item, here) : [here, ...pathsOf(item, here)]
  })
}

/** A copy with one field changed; removed where `change` gives undefined. */
function withChange(value: unknown, path: string[], change: (old: unknown) => unknown): unknown {
  const copy = structuredClone(value)
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as never)[key], copy)
  const last = path.at(-1)!
  ;(parent as Record<string, unknown>)[last] = change((parent as never)[last])
  return copy
}

/** Fields that a message may leave out. */
const OPTIONAL = ['mirrors']

for (const [direction, read, examples] of directions) {
  for (const [name, message] of Object.entries(examples)) {
    test(`${direction} ${name}: a field missing, more, or of another kind is refused`, () => {
      for (const path of pathsOf(message)) {
        const check = (change: (old: unknown) => unknown) => {
          const frame = encode(withChange(message, path, change))
          expect(() => read(frame), path.join('.')).toThrow(ProtocolError)
        }
        if (!OPTIONAL.includes(path.join('.'))) check(() => undefined)
        check((old) => (Array.isArray(old) ? {} : []))
        // A number would do where there is none yet.
        check((old) => (typeof old === 'number' ? -1 : old === null ? false : 3.25))
        check((old) => (typeof old === 'string' ? `${old}\u0000` : 'text'))
      }
      expect(() => read(encode({ ...message, more: 1 }))).toThrow("more' as it must be absent")
    })
  }

  test(`${direction}: damaged bytes are the peer's error or another message, never ours`, () => {
    const frames = Object.values(examples).map(encode)
    const damage = fc.record({
      frame: fc.constantFrom(...frames),
      at: fc.nat(),
      flip: fc.integer({ min: 1, max: 255 }),
      cut: fc.option(fc.nat()),
    })
    fc.assert(
      fc.property(damage, ({ frame, at, flip, cut }) => {
        const damaged = Uint8Array.from(frame)
        damaged[at % frame.length]! ^= flip
        try {
          read(cut === null ? damaged : damaged.subarray(0, cut % frame.length))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test(`${direction}: messages of the other directions are refused`, () => {
    for (const [other, , others] of directions) {
      if (other === direction) continue
      for (const message of Object.values(others)) {
        // What is spelled alike: `status` asks and answers, with other fields.
        expect(() => read(encode(message))).toThrow(ProtocolError)
      }
    }
  })
}

const long = (length: number) => 'x'.repeat(length)
const join = exampleRequests['join with a token']!
const commit = (change: object): Request => ({
  type: 'commit',
  contribution: { ...exampleContribution, ...change },
  signature: new Uint8Array(limits.SIGNATURE_BYTES),
})
const digests = (count: number) => Array.from({ length: count }, () => exampleContribution.base)

for (const [what, request, isTaken] of [
  ['the longest name', { ...join, name: long(limits.NAME_LENGTH_MAX) }, true],
  ['a longer name', { ...join, name: long(limits.NAME_LENGTH_MAX + 1) }, false],
  ['the longest token', { ...join, token: long(limits.TOKEN_LENGTH_MAX) }, true],
  ['a longer token', { ...join, token: long(limits.TOKEN_LENGTH_MAX + 1) }, false],
  ['a version that is none', { ...join, version: 65_536 }, false],
  ['the most steps', commit({ steps: limits.STEPS_MAX, trace: digests(limits.STEPS_MAX) }), true],
  ['more steps', commit({ steps: limits.STEPS_MAX + 1 }), false],
  ['no step', commit({ steps: 0 }), false],
  ['a longer trace', commit({ trace: digests(limits.STEPS_MAX + 1) }), false],
  ['no trace', commit({ trace: [] }), false],
  ['no token', commit({ tokens: 0 }), false],
  ['a loss below zero', commit({ loss: -0.5 }), false],
  ['a step in no time', commit({ stepMs: 0 }), false],
  ['a step of a day', commit({ stepMs: 86_400_000 }), false],
  ['a lease number beyond 2^53', commit({ leaseId: 2 ** 53 }), false],
  ['a peer id as long as a book', commit({ peer: long(limits.PEER_ID_LENGTH_MAX + 1) }), false],
  ['a short signature', { ...commit({}), signature: new Uint8Array(63) }, false],
  ['an empty payload', commit({ payload: { ...exampleContribution.payload, bytes: 0 } }), false],
  [
    'a payload of 4 GiB',
    commit({ payload: { ...exampleContribution.payload, bytes: 2 ** 32 } }),
    false,
  ],
] as [string, Request, boolean][]) {
  test(`${what} is ${isTaken ? 'taken' : 'refused'}`, () => {
    const read = () => decodeRequest(encodeRequest(request))
    if (isTaken) expect(read()).toEqual(request)
    else expect(read).toThrow(ProtocolError)
  })
}

test('the largest commit fits a message', () => {
  const largest = commit({
    steps: limits.STEPS_MAX,
    trace: digests(limits.STEPS_MAX),
    peer: long(limits.PEER_ID_LENGTH_MAX),
  })
  expect(encodeRequest(largest).length).toBeLessThan(limits.MESSAGE_BYTES_MAX)
})

test('a reply may be as large as a run config; nothing else may', () => {
  const joined = exampleReplies.joined as Extract<Reply, { type: 'joined' }>
  const frame = encodeReply({ ...joined, runConfig: new Uint8Array(limits.RUN_CONFIG_BYTES_MAX) })
  expect(frame.length).toBeLessThanOrEqual(REPLY_BYTES_MAX)
  expect(decodeReply(frame)).toMatchObject({ type: 'joined' })
  for (const read of [decodeRequest, decodeNotice]) expect(() => read(frame)).toThrow('at most')
})

test('the status of the largest run fits a reply', () => {
  const { status, own } = exampleReplies.status as Extract<Reply, { type: 'status' }>
  const participant = { ...status.participants[0]!, name: '笔'.repeat(limits.NAME_LENGTH_MAX) }
  const large: Reply = {
    type: 'status',
    status: {
      ...status,
      evaluations: Array.from({ length: 64 }, (_, round) => ({ round, loss: 1.1 })),
      scores: Array.from({ length: 64 }, (_, round) => {
        return { round, acc: 0.1, accNorm: 0.1, exactMatch: 0.1 }
      }),
      metric: 'exact_match',
      participants: Array.from({ length: 64 }, () => participant),
    },
    own,
  }
  expect(encodeReply(large).length).toBeLessThan(limits.MESSAGE_BYTES_MAX)
})

test('every refusal can be said', () => {
  expect(new Set(REFUSALS).size).toBe(REFUSALS.length)
  for (const refusal of REFUSALS) {
    const reply: Reply = { type: 'refused', refusal, reason: '' }
    expect(decode(encodeReply(reply))).toEqual(reply)
  }
})

for (const [what, other] of [
  ['with our fields', { ...join, version: limits.PROTOCOL_VERSION + 1 }],
  ['with other fields', { type: 'join', version: 1, colour: 'blue' }],
] as [string, { version: number }][]) {
  test(`a join of another version, ${what}, is read no further than its version`, () => {
    const read = decodeRequest(encode(other))
    expect(read).toMatchObject({ type: 'join', version: other.version, token: '', name: '' })
  })
}
