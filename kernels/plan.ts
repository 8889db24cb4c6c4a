/** What a job needs of the linear memory, said before it starts. */
import { ALIGNMENT_BYTES } from './arena.ts'
import { type BatchShape, placeBuffers } from './buffers.ts'

export interface MemoryPlan {
  buffers: { name: string; bytes: number }[]
  bytes: number
}

/** The buffers of a job, as the arena will round them up, and their sum. Asks for no memory. */
export function planMemory(shape: BatchShape): MemoryPlan {
  const buffers: MemoryPlan['buffers'] = []
  placeBuffers(shape, (name, size) => {
    buffers.push({ name, bytes: ALIGNMENT_BYTES * Math.ceil(size / ALIGNMENT_BYTES) })
    return 0
  })
  return { buffers, bytes: buffers.reduce((sum, { bytes }) => sum + bytes, 0) }
}
