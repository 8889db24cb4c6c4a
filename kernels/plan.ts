/**
 * What a job needs of the linear memory, said before it starts, and how it fits in less: smaller
 * micro-batches and layers that run forward twice change time and memory, but no bit.
 */
import { align, JOB_BYTES_MAX } from './arena.ts'
import { type BatchShape, placeBuffers } from './buffers.ts'
import { streamedCounts } from './feed.ts'
import { ROWS_MAX } from './own-scratch.ts'
import { firstFitting } from './place.ts'

export interface MemoryPlan {
  buffers: { name: string; bytes: number }[]
  bytes: number
}

/** The buffers of a job, as the arena will round them up, and their sum. Asks for no memory. */
export function planMemory(shape: BatchShape): MemoryPlan {
  const buffers: MemoryPlan['buffers'] = []
  placeBuffers(shape, (name, size) => {
    buffers.push({ name, bytes: align(size) })
    return 0
  })
  return { buffers, bytes: buffers.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** `too-large`: `bytes` is the least that the job can be made to take. */
export type Fit<Shape> =
  | { status: 'fits'; shape: Shape; bytes: number }
  | { status: 'too-large'; bytes: number }

/** The fastest way to do a job in `bytesMax` bytes; none takes more than JOB_BYTES_MAX. */
export function fitMemory<Shape extends BatchShape>(wanted: Shape, bytesMax: number): Fit<Shape> {
  const ways = [...fromFastest(wanted)]
  const bytesOf = (way: number) => planMemory(ways[way]!).bytes
  const most = Math.min(bytesMax, JOB_BYTES_MAX)
  const first = firstFitting(ways.length, bytesOf, most)
  const bytes = bytesOf(first)
  if (bytes > most) return { status: 'too-large', bytes }
  return { status: 'fits', shape: ways[first]!, bytes }
}

/**
 * A micro-batch that still fills what W is packed for costs nothing; a layer that is streamed costs
 * its reading, beside the products; one that runs forward twice costs its forward; a micro-batch
 * below that packs W for fewer rows and reads more often, and comes last.
 */
function* fromFastest<Shape extends BatchShape>(wanted: Shape): Generator<Shape> {
  const { microBatch, sequenceLength, threads, model } = wanted
  const filled = Math.min(microBatch, Math.ceil((threads * ROWS_MAX) / sequenceLength))
  for (let size = microBatch; size > filled; size--) yield { ...wanted, microBatch: size }
  const fromFile = { ...wanted, microBatch: filled }
  const counts = streamedCounts(model.layerCount)
  for (const streamedLayers of counts) yield { ...fromFile, streamedLayers }
  const streamedLayers = counts.at(-1)!
  for (let count = 2; count <= model.layerCount; count++) {
    // A single layer has no other to share its buffers with.
    yield { ...fromFile, streamedLayers, recomputedLayers: count }
  }
  for (let size = filled - 1; size > 0; size--) {
    yield { ...wanted, microBatch: size, streamedLayers, recomputedLayers: model.layerCount }
  }
}
