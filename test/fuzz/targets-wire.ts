/** What peers send: frames, messages, what is said around blobs, payloads and adapters. */
import {
  adapterLayout,
  applyServerDelta,
  createArena,
  createWasmOps,
  encodedBytes,
  initialOuterState,
  measurePayload,
  newSharedMemory,
  parseOuterState,
  payloadBytes,
  serialiseOuterState,
} from '../../kernels/index.ts'
import { decodeShard, encodeShard, type ShardFormat } from '../../node/dataset/shards.ts'
import { answerSchema, offerSchema, wantSchema } from '../../node/network/blob-messages.ts'
import { dialBackAnswer, dialBackQuestion } from '../../node/network/dial-back.ts'
import {
  introduceAnswer,
  introduceQuestion,
  introduction,
} from '../../node/network/hole-punching.ts'
import { httpAnswer, httpQuestion } from '../../node/network/http-messages.ts'
import { concatBytes } from '../../protocol/digest.ts'
import {
  blobManifest,
  checkChunk,
  decode,
  decodeBlobManifest,
  decodeNotice,
  decodeReply,
  decodeRequest,
  encodeBlobManifest,
  FrameDecoder,
  frameHeader,
  ProtocolError,
  parse,
} from '../../protocol/index.ts'
import { kernelModule } from '../kernels/kernel-module.ts'
import { blobNamed, digestOfText } from '../protocol/example-config.ts'
import {
  exampleManifest,
  exampleNotices,
  exampleReplies,
  exampleRequests,
} from '../protocol/example-messages.ts'
import { pack } from '../vectors/message-pack.ts'
import type { Target } from './target.ts'
import { TINY_SHAPE } from './tiny-model.ts'

const packed = (value: unknown): Uint8Array => Uint8Array.from(pack(value))

function message(name: string, examples: object, read: (input: Uint8Array) => unknown): Target {
  return {
    name,
    seeds: () => Object.values(examples),
    write: packed,
    read,
    throws: [ProtocolError],
  }
}

const FRAME_BYTES_MAX = 1_000

/** The stream arrives in pieces of the size that its first byte says. */
function readFrames(input: Uint8Array): void {
  const [size = 0, ...stream] = input
  const decoder = new FrameDecoder()
  for (let at = 0; at < stream.length; at += size + 1) {
    decoder.push(Uint8Array.from(stream.slice(at, at + size + 1)))
    while (decoder.next(FRAME_BYTES_MAX) !== null);
  }
  decoder.end()
}

const frames = (...lengths: number[]): Uint8Array =>
  concatBytes(
    Uint8Array.of(6),
    ...lengths.flatMap((length) => [frameHeader(length), new Uint8Array(length).fill(7)]),
  )

const BLOB = new Uint8Array(600).map((_, index) => index)
const BLOB_MANIFEST = blobManifest(BLOB)

const SHARD: ShardFormat = { sequenceLength: 11, tokenBytes: 2, layout: 'documents', vocabSize: 50 }
const LONG_SHARD: ShardFormat = { ...SHARD, tokenBytes: 4, layout: 'stream' }

function shardOf(format: ShardFormat): Uint8Array {
  const { sequenceLength: S } = format
  const ids = Int32Array.from({ length: S + 1 }, (_, index) => index)
  const flags = new Uint8Array(S).fill(1)
  return encodeShard(
    [
      { ids, counted: flags, starts: flags, rejected: flags },
      { ids, counted: flags, starts: flags, rejected: flags },
    ],
    format,
  )
}

const memory = newSharedMemory(64)
const ops = createWasmOps(kernelModule, memory)
const arena = createArena(memory)
const layout = adapterLayout(TINY_SHAPE, { adapterRank: 2, alpha: 4, targets: ['q', 'v'] })
const CODECS = ['float32', 'int8', 'int4'] as const

/** Whatever is refused there is a value; nothing is thrown. */
function payload(codec: (typeof CODECS)[number]): Target {
  return {
    name: `payload-${codec}`,
    seeds: () => [
      new Uint8Array(payloadBytes('delta', codec, layout)),
      new Uint8Array(payloadBytes('gradient', codec, layout)),
    ],
    read: (input) => {
      for (const mode of ['delta', 'gradient'] as const) {
        const measured = measurePayload(ops, arena, layout, { mode, codec }, input)
        if (!('malformed' in measured) && !Number.isFinite(measured.norm)) {
          throw new RangeError(`a norm of ${measured.norm}`)
        }
      }
    },
    throws: [],
  }
}

function update(codec: (typeof CODECS)[number]): Target {
  const adapter = new Float32Array(layout.count)
  return {
    name: `update-${codec}`,
    seeds: () => [new Uint8Array(encodedBytes(codec, layout.count))],
    read: (input) => applyServerDelta(ops, arena, adapter, codec, input),
    throws: [],
  }
}

const HTTP = { accept: null, authorization: 'Bearer w', contentType: null, range: 'bytes=4-' }
const HTTP_ANSWER = {
  status: 206,
  contentDisposition: null,
  contentLength: '3',
  contentRange: 'bytes 4-6/7',
  contentType: 'application/zip',
}

export const WIRE_TARGETS: readonly Target[] = [
  {
    name: 'frames',
    seeds: () => [frames(0, 1, 300), frames(1_000), frames(5, 5, 5)],
    read: readFrames,
    throws: [ProtocolError],
  },
  message('requests', exampleRequests, decodeRequest),
  message('replies', exampleReplies, decodeReply),
  message('notices', exampleNotices, decodeNotice),
  message('values', { ...exampleRequests, manifest: exampleManifest }, (input) => decode(input)),
  message('wants', [{ digest: digestOfText('a'), bytes: 9, fromChunk: 0 }], (input) =>
    parse(wantSchema, decode(input), 'want'),
  ),
  message('offers', [{ leaseId: 7, payload: blobNamed('a') }], (input) =>
    parse(offerSchema, decode(input), 'offer'),
  ),
  message(
    'answers',
    [
      { type: 'go', fromChunk: 1 },
      { type: 'stored' },
      { type: 'refused', refusal: null, reason: 'later' },
    ],
    (input) => parse(answerSchema, decode(input), 'answer'),
  ),
  message(
    'http-questions',
    [{ ...HTTP, method: 'GET', path: '/events', lastEventId: 'a:1', body: null }],
    (input) => parse(httpQuestion, decode(input), 'question'),
  ),
  message('http-answers', [HTTP_ANSWER], (input) => parse(httpAnswer, decode(input), 'answer')),
  message('dial-back-questions', [{ port: 4001, nonce: 'a1b2' }], (input) =>
    parse(dialBackQuestion, decode(input), 'question'),
  ),
  message(
    'dial-back-answers',
    [
      { type: 'reached', address: '192.0.2.1' },
      { type: 'missed', address: '2001:db8::1', reason: 'no answer in time' },
      { type: 'unseen' },
    ],
    (input) => parse(dialBackAnswer, decode(input), 'answer'),
  ),
  message('introduce-questions', [{ peer: '12D3KooW' }], (input) =>
    parse(introduceQuestion, decode(input), 'question'),
  ),
  message(
    'introduce-answers',
    [
      { type: 'meet', address: '192.0.2.1', port: 4711 },
      { type: 'apart', reason: 'it is not here' },
    ],
    (input) => parse(introduceAnswer, decode(input), 'answer'),
  ),
  message('introductions', [{ peer: '12D3KooW', address: '2001:db8::1', port: 4711 }], (input) =>
    parse(introduction, decode(input), 'introduction'),
  ),
  {
    name: 'blob-manifest',
    seeds: () => [BLOB_MANIFEST],
    write: packed,
    read: (input) => decodeBlobManifest(input, { digest: BLOB_MANIFEST.digest, bytes: 600 }),
    throws: [ProtocolError],
  },
  {
    name: 'chunk',
    mayRefuseSeeds: true,
    seeds: () => [BLOB, encodeBlobManifest(BLOB_MANIFEST)],
    read: (input) => checkChunk(BLOB_MANIFEST, input[0] ?? 0, input),
    throws: [ProtocolError],
  },
  {
    name: 'shard',
    seeds: () => [shardOf(SHARD), shardOf(LONG_SHARD)],
    read: (input) => {
      for (const format of [SHARD, LONG_SHARD]) {
        try {
          decodeShard(input, format).sequences(0, 1)
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
        }
      }
    },
    throws: [],
  },
  ...CODECS.map(payload),
  ...CODECS.map(update),
  {
    name: 'outer-state',
    seeds: () => [
      serialiseOuterState(initialOuterState('delta', new Float32Array(12))),
      serialiseOuterState(initialOuterState('gradient', new Float32Array(12))),
    ],
    read: parseOuterState,
    throws: [],
  },
]
