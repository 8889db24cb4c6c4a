/** What is said around the chunks of a blob, on the stream that carries them. */
import {
  BLOB_BYTES_MAX,
  BLOB_MANIFEST_BYTES_MAX,
  type BlobReference,
  blobReference,
  chunkCount,
  decode,
  digest,
  encode,
  type Infer,
  integer,
  nullable,
  oneOf,
  ProtocolError,
  parse,
  REASON_LENGTH_MAX,
  REFUSALS,
  type Schema,
  struct,
  text,
  variants,
} from '../../protocol/index.ts'
import { RefusedError } from './errors.ts'
import type { Frames } from './frames.ts'

/** Download: want → go or refused, manifest, chunks. */
export const BLOB_PROTOCOL = '/barnraise/blob'
/** Upload: offer, manifest → go or refused; chunks → stored or refused. */
export const UPLOAD_PROTOCOL = '/barnraise/upload'

const chunkIndex = integer(0, chunkCount(BLOB_BYTES_MAX))

export const wantSchema = struct({
  digest,
  bytes: integer(1, BLOB_BYTES_MAX),
  fromChunk: chunkIndex,
})
export type Want = Infer<typeof wantSchema>

export const offerSchema = struct({
  leaseId: integer(0, Number.MAX_SAFE_INTEGER),
  payload: blobReference,
})
export type Offer = Infer<typeof offerSchema>

export const answerSchema = variants({
  /** Nothing in bulk is sent before this. */
  go: { fromChunk: chunkIndex },
  stored: {},
  /** `refusal` is null when trying again later may help. */
  refused: { refusal: nullable(oneOf(...REFUSALS)), reason: text(REASON_LENGTH_MAX) },
})
export type Answer = Infer<typeof answerSchema>

export const say = (frames: Frames, message: Want | Offer | Answer): Promise<void> =>
  frames.write(encode(message))

/** The next message. @throws ProtocolError `truncated` when the peer ended the stream instead */
export async function hear<T>(
  frames: Frames,
  schema: Schema<T>,
  name: string,
  options: { timeoutMs?: number } = {},
): Promise<T> {
  return parse(schema, decode(await expectFrame(frames, name, options)), name)
}

/** An answer that isn't a refusal. @throws RefusedError with the peer's reason */
export async function hearAnswer<T extends 'go' | 'stored'>(
  frames: Frames,
  expected: T,
  options: { timeoutMs?: number } = {},
): Promise<Extract<Answer, { type: T }>> {
  const answer = await hear(frames, answerSchema, 'answer', options)
  if (answer.type === 'refused') throw new RefusedError(answer.refusal, answer.reason)
  if (answer.type !== expected) {
    throw new ProtocolError('malformed', `Expected '${expected}' and got '${answer.type}'`)
  }
  return answer as Extract<Answer, { type: T }>
}

/** The frame of a blob's manifest, which grows with the blob. */
export function hearManifest(frames: Frames, blob: BlobReference): Promise<Uint8Array> {
  const frameBytesMax = Math.min(chunkCount(blob.bytes) * 32 + 1024, BLOB_MANIFEST_BYTES_MAX)
  return expectFrame(frames, 'manifest', { frameBytesMax })
}

async function expectFrame(
  frames: Frames,
  name: string,
  options: { timeoutMs?: number; frameBytesMax?: number },
): Promise<Uint8Array> {
  const frame = await frames.read(options)
  if (frame === null)
    throw new ProtocolError('truncated', `The peer ended the stream before its ${name}`)
  return frame
}
