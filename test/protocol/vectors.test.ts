/**
 * Golden vectors: the bytes of every message, the RunId, what is signed. Peers of different builds
 * must agree on them to the bit; a vector that changes is a new protocol version.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeBlobManifest, encodeBlobManifest } from '../../protocol/blob.ts'
import { decode, encode } from '../../protocol/codec.ts'
import { bytesToHex, digestOf, hexToBytes } from '../../protocol/digest.ts'
import { manifestSchema, signingBytes } from '../../protocol/envelope.ts'
import { decodeInvite, encodeInvite } from '../../protocol/invite.ts'
import {
  decodeNotice,
  decodeReply,
  decodeRequest,
  encodeNotice,
  encodeReply,
  encodeRequest,
  traceSeed,
} from '../../protocol/messages.ts'
import { decodeRunConfig, encodeRunConfig, runIdOf } from '../../protocol/run-config.ts'
import { parse } from '../../protocol/schema.ts'
import { exampleConfig } from './example-config.ts'
import {
  exampleBlobManifest,
  exampleContribution,
  exampleInvite,
  exampleManifest,
  exampleNotices,
  exampleReplies,
  exampleRequests,
  exampleTrace,
} from './example-messages.ts'

interface Vectors {
  requests: Record<string, string>
  replies: Record<string, string>
  notices: Record<string, string>
  runConfig: string
  runId: string
  signedContribution: string
  invite: string
  manifest: string
  manifestDigest: string
  signedManifest: string
  blobManifest: string
  traceSeed: string
}

const file = join(import.meta.dirname, '../vectors/messages.json')
const vectors: Vectors = JSON.parse(readFileSync(file, 'utf8'))

/** The value has these bytes, and the bytes have this value. */
function check<T>(
  value: T,
  hex: string | undefined,
  write: (value: T) => Uint8Array,
  read: (bytes: Uint8Array) => T,
): void {
  expect(bytesToHex(write(value))).toBe(hex)
  expect(read(hexToBytes(hex!))).toEqual(value)
}

for (const [name, request] of Object.entries(exampleRequests)) {
  test(`request ${name}`, () => {
    check(request, vectors.requests[name], encodeRequest, decodeRequest)
  })
}

for (const [name, reply] of Object.entries(exampleReplies)) {
  test(`reply ${name}`, () => check(reply, vectors.replies[name], encodeReply, decodeReply))
}

for (const [name, notice] of Object.entries(exampleNotices)) {
  test(`notice ${name}`, () => check(notice, vectors.notices[name], encodeNotice, decodeNotice))
}

// Written by hand, from the specification.
for (const [name, actual, hex] of [
  ['heartbeat', encodeNotice({ type: 'heartbeat' }), '81 a474797065 a9686561727462656174'],
  [
    'go 256',
    encodeReply({ type: 'go', leaseId: 256 }),
    '82 a76c656173654964 cd0100 a474797065 a2676f',
  ],
  [
    'wait 250',
    encodeReply({ type: 'wait', reason: 'no', retryMs: 250 }),
    '83 a6726561736f6e a26e6f a772657472794d73 ccfa a474797065 a477616974',
  ],
  ['status', encodeRequest({ type: 'status' }), '81 a474797065 a6737461747573'],
] as const) {
  test(`${name} is ${hex}`, () => expect(bytesToHex(actual)).toBe(hex.replaceAll(' ', '')))
}

test('the run config and its RunId', () => {
  const config = exampleConfig()
  check(config, vectors.runConfig, encodeRunConfig, decodeRunConfig)
  expect(runIdOf(config)).toBe(vectors.runId)
})

test('what the signature of a contribution covers', () => {
  const signed = signingBytes('contribution', exampleContribution)
  expect(bytesToHex(signed)).toBe(vectors.signedContribution)
})

test('an invite', () => check(exampleInvite, vectors.invite, encodeInvite, decodeInvite))

test('the manifest, its digest, and what its signature covers', () => {
  const read = (bytes: Uint8Array) => parse(manifestSchema, decode(bytes), 'manifest')
  check(exampleManifest, vectors.manifest, encode, read)
  expect(digestOf(encode(exampleManifest))).toBe(vectors.manifestDigest)
  expect(bytesToHex(signingBytes('manifest', exampleManifest))).toBe(vectors.signedManifest)
})

test('the manifest of a blob', () => {
  const read = (bytes: Uint8Array) => decodeBlobManifest(bytes, exampleBlobManifest)
  check(exampleBlobManifest, vectors.blobManifest, encodeBlobManifest, read)
})

test('the start of a trace; it differs for another peer', () => {
  expect(bytesToHex(traceSeed(exampleTrace))).toBe(vectors.traceSeed)
  expect(traceSeed({ ...exampleTrace, peer: 'other' })).not.toEqual(traceSeed(exampleTrace))
})

test('a signature for one purpose is none for another', () => {
  expect(signingBytes('manifest', exampleContribution)).not.toEqual(
    signingBytes('contribution', exampleContribution),
  )
})
