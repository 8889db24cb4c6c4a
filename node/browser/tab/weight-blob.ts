/** The weights of a base in a page: a file of the browser, read tensor by tensor. */
import type { ModelShape } from '../../../kernels/index.ts'
import { type BaseWeights, readWeights } from '../../model/base-weights.ts'

/** Only workers have it, and their types are not those of pages. */
declare const FileReaderSync: { new (): { readAsArrayBuffer(blob: Blob): ArrayBuffer } }

/** @throws ModelError unless the file holds the weights of such a model */
export function openWeightBlob(
  weights: string | Blob,
  shape: ModelShape,
): BaseWeights & { close(): void } {
  if (typeof weights === 'string') throw new Error('Invariant broken: a page has no paths')
  const reader = new FileReaderSync()
  const read = (begin: number, end: number) =>
    new Uint8Array(reader.readAsArrayBuffer(weights.slice(begin, end)))
  return { ...readWeights(shape, { bytes: weights.size, read }), close: () => {} }
}
