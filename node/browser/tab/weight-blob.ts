/** The weights of a base in a page: a file of the browser, read tensor by tensor. */
import type { ModelShape } from '../../../kernels/index.ts'
import { type OpenWeights, readWeights, weightsFromBytes } from '../../model/base-weights.ts'
import type { BlobFile } from '../../storage/blob-store.ts'

/** Only workers have it, and their types are not those of pages. */
declare const FileReaderSync: { new (): { readAsArrayBuffer(blob: Blob): ArrayBuffer } }

/** @throws ModelError unless the file holds the weights of such a model */
export function openWeightBlob(weights: BlobFile, shape: ModelShape): OpenWeights {
  if (typeof weights === 'string') throw new Error('Invariant broken: a page has no paths')
  if (weights instanceof Uint8Array) {
    return { ...weightsFromBytes(shape, weights), close: () => {} }
  }
  const reader = new FileReaderSync()
  const read = (begin: number, end: number) =>
    new Uint8Array(reader.readAsArrayBuffer(weights.slice(begin, end)))
  return { ...readWeights(shape, { bytes: weights.size, read }), close: () => {} }
}
