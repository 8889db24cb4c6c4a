/** Whether a model can write in this browser. Pure. */

import { type GeneratorShape, generatorBytes, JOB_BYTES_MAX } from '../../../kernels/index.ts'
import type { BlobReference } from '../../../protocol/index.ts'

/** What it takes in bytes, and what speaks against it. */
export type MemoryFit =
  | { status: 'fits'; bytes: number }
  /** More than this browser seems to have to spare: its user may know better. */
  | { status: 'tight'; bytes: number; reason: string }
  | { status: 'too-large'; bytes: number; reason: string }

/** The kernels' memory, and the file that it is filled from. */
export function fitText(
  { shape, weights }: { shape: GeneratorShape; weights: Pick<BlobReference, 'bytes'> },
  memoryBytesMax: number,
): MemoryFit {
  const kernels = generatorBytes(shape)
  const bytes = kernels + weights.bytes
  const refuse = (needed: number, has: string, most: number) =>
    `Cannot write here as the model needs ${megabytes(needed)} of memory: ${has} ${megabytes(most)}`
  if (kernels > JOB_BYTES_MAX) {
    const reason = refuse(kernels, 'WebAssembly reaches', JOB_BYTES_MAX)
    return { status: 'too-large', bytes, reason }
  }
  if (bytes > memoryBytesMax) {
    const reason = refuse(bytes, 'this browser seems to have to spare', memoryBytesMax)
    return { status: 'tight', bytes, reason }
  }
  return { status: 'fits', bytes }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}
