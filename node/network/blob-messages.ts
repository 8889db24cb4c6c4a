/** What is said around the chunks of a blob, on the stream that carries them. */
import {
  BLOB_BYTES_MAX,
  BLOB_MANIFEST_BYTES_MAX,
  type BlobReference,
  blobReference,
  chunkCount,
  digest,
  encode,
  type Infer,
  integer,
  nullable,
  oneOf,
  ProtocolError,
  REASON_LENGTH_MAX,
  REFUSALS,
  struct,
  text,
  variants,
} from '../../protocol/index.ts'
import { RefusedError } from './errors.ts'
import type { Frames } from './frames.ts'
import { hear, hearFrame } from './hear.ts'

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
  return hearFrame(frames, 'manifest', { frameBytesMax })
}
