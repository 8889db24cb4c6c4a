/** The blobs of a page: in the browser's own files, or in memory where it keeps none. */
import type { BlobStore } from '../../storage/blob-store.ts'
import { createMemoryBlobStore } from '../../storage/memory-blob-store.ts'
import { createOpfsBlobStore } from './opfs-blob-store.ts'

export interface OpenedStore {
  blobs: BlobStore
  storage: 'kept' | 'forgotten'
}

/** Private windows keep no files, nor do pages that came over plain http. */
export async function openStore(): Promise<OpenedStore> {
  try {
    return { blobs: await createOpfsBlobStore(), storage: 'kept' }
  } catch {
    return { blobs: createMemoryBlobStore(), storage: 'forgotten' }
  }
}
