/**
 * Runs one op on one implementation in a memory of known content, and hands back all bytes around
 * it.
 *
 * An op case names its arrays and fills them from a seed; the harness lays them out with guard
 * bytes between them, so that two implementations can be compared byte for byte, what should not
 * change included.
 */
import { ALIGNMENT_BYTES, ARENA_START, newSharedMemory, PAGE_BYTES } from '../../kernels/arena.ts'
import type { Ops, Pointer } from '../../kernels/ops.ts'
import { createReferenceOps } from '../../kernels/ops-reference.ts'
import { createWasmOps, type WasmOpsOptions } from '../../kernels/ops-wasm.ts'
import { kernelModule } from './kernel-module.ts'

const GUARD_BYTES = 64
const GUARD = 0xa5

export type Numbers = Float32Array | Float64Array | Int32Array | Uint16Array | Uint8Array
export type Pointers = Record<string, Pointer>

export interface OpCase {
  op: string
  /** The sizes, for the test's name. */
  sizes: string
  arrays: Record<string, Numbers>
  /** The arrays that the op may change. */
  outputs: readonly string[]
  run(ops: Ops, pointers: Pointers): unknown
}

export interface OpResult {
  returned: unknown
  /** Everything from the first guard to the last. */
  bytes: Uint8Array
  arrays: Record<string, Numbers>
}

const memory = newSharedMemory(64)
export const reference = createReferenceOps(memory)
export const wasm = createWasmOps(kernelModule, memory)
export const implementations: readonly Ops[] = [reference, wasm]

/** Another instance on the same memory. */
export function wasmWith(options: WasmOpsOptions): Ops {
  return createWasmOps(kernelModule, memory, options)
}

/** `shift` moves each array by so many of its numbers from the aligned place. */
export function runCase(ops: Ops, { arrays, run }: OpCase, shift = 0): OpResult {
  const [pointers, end] = layOut(arrays, shift)
  const needed = Math.ceil((end - memory.buffer.byteLength) / PAGE_BYTES)
  if (needed > 0) memory.grow(needed)
  new Uint8Array(memory.buffer, ARENA_START, end - ARENA_START).fill(GUARD)
  for (const [name, numbers] of Object.entries(arrays))
    viewOf(numbers, pointers[name]!).set(numbers)
  const returned = run(ops, pointers)
  const after = Object.entries(arrays).map(([name, numbers]) => {
    return [name, viewOf(numbers, pointers[name]!).slice()] as const
  })
  const bytes = new Uint8Array(memory.buffer, ARENA_START, end - ARENA_START).slice()
  return { returned, bytes, arrays: Object.fromEntries(after) }
}

/** The bytes that an op must leave as they were: guards, and arrays that are not outputs. */
export function untouched(result: OpResult, { arrays, outputs }: OpCase, shift = 0): Uint8Array {
  const kept = result.bytes.slice()
  const [pointers] = layOut(arrays, shift)
  for (const name of outputs) {
    const start = pointers[name]! - ARENA_START
    kept.fill(0, start, start + arrays[name]!.byteLength)
  }
  return kept
}

function layOut(arrays: Record<string, Numbers>, shift: number): [Pointers, end: number] {
  const pointers: Pointers = {}
  let top = ARENA_START + GUARD_BYTES
  for (const [name, { byteLength, BYTES_PER_ELEMENT }] of Object.entries(arrays)) {
    const pointer = top + shift * BYTES_PER_ELEMENT
    pointers[name] = pointer
    const end = pointer + byteLength + GUARD_BYTES
    top = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
  }
  return [pointers, top]
}

function viewOf(numbers: Numbers, pointer: Pointer): Numbers {
  const View = numbers.constructor as new (b: ArrayBufferLike, at: number, n: number) => Numbers
  return new View(memory.buffer, pointer, numbers.length)
}

/** Numbers in [0, 1) from a text, the same in every engine: mulberry32 over an FNV-1a hash. */
function randomFrom(seed: string): () => number {
  let state = 0x811c9dc5
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** n float32 in [-range, range), now and then a zero of either sign or a denormal. */
export function floats(seed: string, n: number, range = 3): Float32Array {
  const random = randomFrom(`${seed} ${n}`)
  return Float32Array.from({ length: n }, () => {
    const pick = random()
    if (pick < 0.01) return 0
    if (pick < 0.02) return -0
    if (pick < 0.03) return 1e-40
    return (random() * 2 - 1) * range
  })
}

/** n positive float32 in [low, high). */
export function positives(seed: string, n: number, low: number, high: number): Float32Array {
  const random = randomFrom(`${seed} ${n}`)
  return Float32Array.from({ length: n }, () => low + random() * (high - low))
}

/** n whole numbers in [low, high). */
export function integers(seed: string, n: number, low: number, high: number): Int32Array {
  const random = randomFrom(`${seed} ${n}`)
  return Int32Array.from({ length: n }, () => low + Math.floor(random() * (high - low)))
}
