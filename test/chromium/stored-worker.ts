/**
 * A worker in a page that keeps a base in the browser's own files, reads it as training does, and
 * forgets it: one thing for each message, answered by its outcome or by why there is none.
 */
import type { ModelShape } from '../../kernels/index.ts'
import { createOpfsBlobStore, eraseBlobs } from '../../node/browser/tab/opfs-blob-store.ts'
import { openAhead, openWeightBlob } from '../../node/browser/tab/weight-blob.ts'
import type { OpenWeights } from '../../node/model/base-weights.ts'
import { type Digest, digestOf } from '../../protocol/index.ts'

export type StoredRequest =
  /** Stores the embedded base, and opens it as a file that many read, or as one reads slices. */
  | { type: 'open'; as: 'handle' | 'slices'; shape: ModelShape }
  /** Hashes all numbers of a tensor. */
  | { type: 'read'; tensor: string }
  | { type: 'close' }
  | { type: 'erase' }
  /** Whether a blob is stored and is what it is named for. */
  | { type: 'check'; digest: Digest }

let weights: OpenWeights | null = null

async function answer(request: StoredRequest): Promise<string> {
  switch (request.type) {
    case 'open': {
      const blobs = await createOpfsBlobStore()
      const { body } = await fetch('/model.safetensors')
      const { digest } = await blobs.putStream(body as unknown as AsyncIterable<Uint8Array>)
      const file = (await blobs.file(digest)) as File
      if (request.as === 'handle') await openAhead(file)
      weights = openWeightBlob(file, request.shape)
      return digest
    }
    case 'read': {
      const { values } = weights!.tensor(request.tensor)
      return digestOf(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    case 'close':
      weights!.close()
      return 'closed'
    case 'erase':
      await eraseBlobs()
      return 'erased'
    case 'check': {
      const blobs = await createOpfsBlobStore()
      const { bytes } = await blobs.manifest(request.digest)
      const first = await blobs.readChunk(request.digest, 0)
      const whole = await blobs.read(request.digest)
      return `${bytes} ${digestOf(first)} ${digestOf(whole)}`
    }
  }
}

addEventListener('message', async ({ data }: MessageEvent<StoredRequest>) => {
  postMessage(await answer(data).catch((error: Error) => `${error.name}: ${error.message}`))
})
postMessage('ready')
