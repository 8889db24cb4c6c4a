/**
 * The one linear memory of the kernels, and who owns which bytes of it. A region is handed out by
 * moving a line upwards and taken back only together with all that came after it, so that there is
 * nothing to fragment; the memory grows as the line moves and never shrinks.
 *
 *   0 .. WORKSPACE_START    constants of the compiled module; nobody else may point here
 *   .. ARENA_START          packing workspace of the first thread
 *   .. top                  what the arena has handed out
 */
import type { Pointer } from './ops.ts'
import { ShapeError } from './shape.ts'

export const PAGE_BYTES = 65536
/** 4 GiB, all that 32-bit pointers reach. */
export const PAGES_MAX = 65536
export const ALIGNMENT_BYTES = 64

/** The build fails if the module's constants do not fit below this. */
export const WORKSPACE_START: Pointer = 4096
/** What one thread needs to pack the operands of a product. */
export const WORKSPACE_BYTES = 1048576
export const ARENA_START: Pointer = WORKSPACE_START + WORKSPACE_BYTES
/** All that a linear memory can be, but for what is not the arena's. */
export const JOB_BYTES_MAX = PAGES_MAX * PAGE_BYTES - ARENA_START

export interface Arena {
  /** A region of its own, aligned to 64 bytes, of any content. Throws ShapeError when full. */
  allocate(name: string, bytes: number): Pointer
  /** Where the next region begins, to be given to `release`. */
  mark(): Pointer
  /** Takes back everything allocated since `mark`. */
  release(mark: Pointer): void
  readonly top: Pointer
}

/** Memory that threads can share; `pagesMax` is for devices that cannot reserve 4 GiB. */
export function newSharedMemory(pages: number, pagesMax = PAGES_MAX): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pagesMax, shared: true })
}

/**
 * Bytes that threads can share, zeros. A page that is not cross-origin isolated has no
 * SharedArrayBuffer to construct, but a memory still holds one, which is enough for one thread.
 */
export function newSharedBytes(bytes: number): SharedArrayBuffer {
  if (typeof SharedArrayBuffer === 'function') return new SharedArrayBuffer(bytes)
  const pages = Math.ceil(bytes / PAGE_BYTES)
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  return buffer as unknown as SharedArrayBuffer
}

export function createArena(memory: WebAssembly.Memory, start: Pointer = ARENA_START): Arena {
  let top = align(start)
  return {
    allocate(name, bytes) {
      if (!Number.isSafeInteger(bytes) || bytes < 0) {
        throw new ShapeError(`Cannot allocate '${name}': its size is ${bytes} bytes`)
      }
      const pointer = top
      const end = align(pointer + bytes)
      growTo(memory, end, name)
      top = end
      return pointer
    },
    mark: () => top,
    release(mark) {
      if (mark > top || mark < start) {
        throw new ShapeError(`Cannot release to ${mark}: the arena spans ${start} to ${top}`)
      }
      top = mark
    },
    get top() {
      return top
    },
  }
}

/** Makes the memory at least `bytes` long; `name` is who asks. */
export function growTo(memory: WebAssembly.Memory, bytes: number, name: string): void {
  const available = memory.buffer.byteLength
  if (bytes <= available) return
  try {
    memory.grow(Math.ceil((bytes - available) / PAGE_BYTES))
  } catch {
    throw new ShapeError(
      `Cannot allocate '${name}': ${bytes} bytes of memory are needed, ${available} are there, ` +
        'and it cannot grow that far',
    )
  }
}

/** The least multiple of ALIGNMENT_BYTES that holds so many bytes. */
export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}
