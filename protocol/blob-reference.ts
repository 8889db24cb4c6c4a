/** How peers name the bytes that they fetch. */
import * as limits from './limits.ts'
import { digest, type Infer, integer, struct } from './schema.ts'

const BLOB = integer(1, limits.BLOB_BYTES_MAX)

/** A blob by digest, with its size so that a peer knows what it is about to fetch. */
export const blobReference = struct({ digest, bytes: BLOB })
export type BlobReference = Infer<typeof blobReference>

/** What a volunteer sends up. */
export const payloadReference = struct({
  digest,
  bytes: integer(1, limits.PAYLOAD_BYTES_MAX),
})
