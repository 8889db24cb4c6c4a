/** The weights of a base in a page: a file of the browser, read tensor by tensor. */
import type { ModelShape } from '../../../kernels/index.ts'
import { type OpenWeights, readWeights, weightsFromBytes } from '../../model/base-weights.ts'
import type { FileBytes } from '../../model/file-bytes.ts'
import type { BlobFile } from '../../storage/blob-store.ts'
import { openStored, type SyncFile } from './stored-file.ts'

/** Only workers have it, and their types are not those of pages. */
declare const FileReaderSync: { new (): { readAsArrayBuffer(blob: Blob): ArrayBuffer } }

/** Handles that were opened ahead, as that takes a wait, by the digests of their blobs. */
const ahead = new Map<string, SyncFile>()

/** Call it before `openWeightBlob`, where one can wait. */
export async function openAhead(weights: BlobFile): Promise<void> {
  for (const handle of ahead.values()) handle.close()
  ahead.clear()
  if (!(weights instanceof File)) return
  // A stored blob is a file by the name of its digest.
  const handle = await openStored(weights.name)
  if (handle !== null) ahead.set(weights.name, handle)
}

/** @throws ModelError unless the file holds the weights of such a model */
export function openWeightBlob(weights: BlobFile, shape: ModelShape): OpenWeights {
  if (typeof weights === 'string') throw new Error('Invariant broken: a page has no paths')
  if (weights instanceof Uint8Array) {
    return { ...weightsFromBytes(shape, weights), close: () => {} }
  }
  const handle = weights instanceof File ? ahead.get(weights.name) : undefined
  if (handle === undefined) {
    return { ...readWeights(shape, sliced(weights)), close: () => {} }
  }
  ahead.delete((weights as File).name)
  return { ...readWeights(shape, handled(handle)), close: () => handle.close() }
}

/** @throws Error where the file is gone or was written again */
function sliced(weights: Blob): FileBytes {
  const reader = new FileReaderSync()
  const read = (begin: number, end: number) => {
    try {
      return new Uint8Array(reader.readAsArrayBuffer(weights.slice(begin, end)))
    } catch (cause) {
      const { name } = cause as DOMException
      throw new Error(`The base is no longer what it was when it was opened: ${name}`, { cause })
    }
  }
  return { bytes: weights.size, read }
}

/** @throws Error where the file has become shorter */
function handled(handle: SyncFile): FileBytes {
  const readInto = (into: Uint8Array, begin: number) => {
    if (handle.read(into, { at: begin }) === into.length) return
    throw new Error('The base has become shorter since it was opened')
  }
  const read = (begin: number, end: number) => {
    const bytes = new Uint8Array(end - begin)
    readInto(bytes, begin)
    return bytes
  }
  return { bytes: handle.getSize(), read, readInto }
}
