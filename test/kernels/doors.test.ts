/** What ops refuse, and with which words; and the arena that hands out their memory. */
import { expect, test } from 'vitest'
import {
  ALIGNMENT_BYTES,
  ARENA_START,
  createArena,
  newSharedMemory,
  PAGE_BYTES,
  WORKSPACE_BYTES,
} from '../../kernels/arena.ts'
import type { FrozenWeight, Gemm, Ops, ProductPath } from '../../kernels/ops.ts'
import { createReferenceOps } from '../../kernels/ops-reference.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { kernelModule } from './kernel-module.ts'

const PAGES = 20
const memory = newSharedMemory(PAGES, PAGES)
const END = PAGES * PAGE_BYTES
const FREE = ARENA_START
const implementations = [createReferenceOps(memory), createWasmOps(kernelModule, memory)]

function check(call: (ops: Ops) => unknown, message: RegExp): void {
  for (const ops of implementations) {
    const before = new Uint8Array(memory.buffer).slice()
    expect(() => call(ops)).toThrow(ShapeError)
    expect(() => call(ops)).toThrow(message)
    expect(Buffer.compare(new Uint8Array(memory.buffer).slice(), before)).toBe(0)
  }
}

const product: Gemm = {
  form: 'nt',
  M: 4,
  N: 4,
  K: 4,
  a: FREE,
  lda: 4,
  b: FREE,
  ldb: 4,
  c: FREE + 64,
  ldc: 4,
  accumulate: false,
}
const weight: FrozenWeight = { kind: 'int8', values: FREE, scales: FREE, outputs: 4, inputs: 6 }
const forward = (o: Ops, change: Partial<FrozenWeight>, T = 1, path: ProductPath = 'float32') =>
  o.frozenForward(FREE, FREE, { ...weight, ...change }, T, path, false)
const step = {
  n: 4,
  theta: FREE,
  gradient: FREE,
  m: FREE,
  v: END - 12,
  learningRate: 1,
  beta1: 0.9,
  beta2: 0.9,
  epsilon: 1,
  weightDecay: 0,
  gradientScale: 1,
  mCorrection: 1,
  vCorrection: 1,
  ratioMax: 1,
}

const refused: readonly [string, (ops: Ops) => unknown, RegExp][] = [
  ['a fraction of rows', (o) => o.gemm({ ...product, M: 1.5 }), /gemm: 'M' must be a whole/],
  ['short rows of a', (o) => o.gemm({ ...product, lda: 3 }), /'lda' .* at least 4: .* is 3/],
  ['short rows of b', (o) => o.gemm({ ...product, form: 'tn', ldb: 3 }), /'ldb'/],
  ['short rows of c', (o) => o.gemm({ ...product, ldc: 3 }), /'ldc'/],
  ['a beyond memory', (o) => o.gemm({ ...product, a: END - 60 }), /'a' ends at 1310724/],
  ['b beyond memory', (o) => o.gemm({ ...product, b: END - 60 }), /'b' ends at/],
  ['c beyond memory', (o) => o.gemm({ ...product, c: END - 60 }), /'c' ends at/],
  ['an odd pointer', (o) => o.fill(FREE + 2, 1, 4), /'y' must be a multiple of 4/],
  ['a negative pointer', (o) => o.fill(-4, 1, 4), /'y' must be/],
  ['a negative size', (o) => o.copy(FREE, FREE, -1), /copy: 'size' must be/],
  ['a size of NaN', (o) => o.add(FREE, FREE, NaN), /'size' must be/],
  ['no columns', (o) => o.rmsNormForward(FREE, FREE, FREE, FREE, 1, 0, 1), /'D'/],
  ['a short weight', (o) => o.rmsNormBackward(FREE, FREE, FREE, END - 4, FREE, 1, 2), /'w'/],
  ['an odd head', (o) => o.ropeTable(FREE, FREE, 2, 3, 10, null), /'E \/ 2'/],
  ['a negative theta', (o) => o.ropeTable(FREE, FREE, 2, 4, -1, null), /'theta'/],
  ['no positions', (o) => o.rope(FREE, 2, FREE, FREE, 1, 0, 1, 2, 1), /'S' must/],
  ['a turn by 2', (o) => o.rope(FREE, 2, FREE, FREE, 1, 1, 1, 2, 2 as 1), /'direction'/],
  ['short rows of heads', (o) => o.rope(FREE, 3, FREE, FREE, 2, 1, 2, 2, 1), /'ld' .* at least 4/],
  ['short rows of gates', (o) => o.swigluForward(FREE, FREE, FREE, 2, 3, 2), /'ld' .* at least 3/],
  ['short rows to scale', (o) => o.scaleColumns(FREE, FREE, FREE, 2, 3, 2), /'ld' .* at least 3/],
  ['short sums', (o) => o.addColumnProducts(END - 4, FREE, FREE, FREE, 2, 2, 2), /'sums' ends at/],
  ['a scale of 0', (o) => o.causalSoftmax(FREE, 1, 1, 1, 0, 0), /'scale' must be positive/],
  ['short score rows', (o) => o.causalSoftmaxBackward(FREE, FREE, 2, 3, 2, 0, 1), /'ld'/],
  ['six levels', (o) => o.quantise(FREE, FREE, FREE, 1, 6 as 7), /'levels' must be 7 or 127/],
  ['scales beyond', (o) => o.dequantise(FREE, FREE, END, 1, 7), /'scales' ends at/],
  ['odd halves', (o) => o.widenFloat16(FREE, FREE + 1, 1), /'x' must be a multiple of 2/],
  ['a sum of floats', (o) => o.roundSum(FREE, FREE + 4, 1, 1), /'sum' must be a multiple of 8/],
  ['an unknown kind', (o) => forward(o, { kind: 'int4' as 'int8' }), /'kind' must be a storage/],
  [
    'blocks that are cut',
    (o) => forward(o, { kind: 'Q4_K', inputs: 250 }),
    /'inputs' must be a multiple of 256 for Q4_K: current value is 250/,
  ],
  [
    'integers of blocks of 32, backwards',
    (o) => o.frozenBackward(FREE, FREE, { ...weight, kind: 'Q8_0', inputs: 32 }, 1, 'int16', false),
    /'path' .* for Q8_0/,
  ],
  [
    'numbers to be made blocks of',
    (o) => o.storeWeight({ ...weight, kind: 'Q4_0', inputs: 32 }, FREE),
    /'kind' must be none of blocks, .* it is Q4_0/,
  ],
  [
    'integers of halves',
    (o) => forward(o, { kind: 'float16' }, 1, 'int16'),
    /'path' .* for float16/,
  ],
  ['an unknown path', (o) => forward(o, {}, 1, 'int32' as 'int16'), /'path' must be float32/],
  ['values beyond', (o) => forward(o, { values: END - 23 }), /'values' ends at/],
  ['scales of int8 beyond', (o) => forward(o, { scales: END - 12 }), /'scales' ends at/],
  ['odd scales', (o) => forward(o, { scales: FREE + 2 }), /'scales' must be a multiple of 4/],
  ['odd float16', (o) => forward(o, { kind: 'float16', values: FREE + 1 }), /multiple of 2/],
  ['half an output', (o) => forward(o, { outputs: 0.5 }), /'outputs' must be a whole/],
  ['x beyond', (o) => o.frozenForward(FREE, END - 20, weight, 1, 'int16', false), /'x' ends/],
  ['y beyond', (o) => o.frozenForward(END - 12, FREE, weight, 1, 'int16', false), /'y' ends/],
  ['dx beyond', (o) => o.frozenBackward(END - 20, FREE, weight, 1, 'int16', true), /'dx' ends/],
  ['dy beyond', (o) => o.frozenBackward(FREE, END - 12, weight, 1, 'int16', true), /'dy' ends/],
  ['w beyond', (o) => o.storeWeight(weight, END - 92), /storeWeight: 'w' ends/],
  ['moments beyond', (o) => o.adamW(step), /adamW: 'v' ends at/],
]
for (const [what, call, message] of refused) test(`refused: ${what}`, () => check(call, message))

for (const [target, message] of [
  [4, /'targets'\[1\] must be below 4: it is 4/],
  [-2, /it is -2/],
] as const) {
  test(`refused: target ${target} of 4`, () => {
    new Int32Array(memory.buffer, FREE, 2).set([-1, target])
    check((ops) => ops.crossEntropy(FREE + 64, FREE, 2, 4, 1), message)
  })
}

test('refused: a row behind the end of memory, or before its start', () => {
  for (const id of [2, -1]) {
    new Int32Array(memory.buffer, FREE, 1).fill(id)
    check((ops) => ops.gatherRows(FREE + 64, END - 32, FREE, 1, 4), /'ids'\[0\]/)
    const two = { ...weight, outputs: 2 }
    check((ops) => ops.gatherFrozen(FREE + 64, two, FREE, 1), /gatherFrozen: 'ids'\[0\]/)
  }
})

test('the arena hands out aligned regions and takes back the latest', () => {
  const arena = createArena(newSharedMemory(10))
  const [a, mark] = [arena.allocate('a', 1), arena.mark()]
  const b = arena.allocate('b', 100)
  expect([a, b, arena.top]).toEqual([ARENA_START, ARENA_START + 64, ARENA_START + 192])
  arena.release(mark)
  expect(arena.allocate('c', 0)).toBe(b)
  expect(() => arena.release(b + 1)).toThrow(ShapeError)
  expect(() => arena.release(ARENA_START - 1)).toThrow(ShapeError)
  expect(createArena(newSharedMemory(1), 65).allocate('d', 8)).toBe(2 * ALIGNMENT_BYTES)
})

test('the arena grows its memory, up to the maximum', () => {
  const small = newSharedMemory(1, PAGES)
  const arena = createArena(small)
  arena.allocate('three pages', 3 * PAGE_BYTES)
  expect(small.buffer.byteLength).toBe(PAGES * PAGE_BYTES)
  const top = arena.top
  expect(() => arena.allocate('logits', PAGE_BYTES)).toThrow(
    /'logits': 1314816 bytes of memory are needed, 1310720 are there/,
  )
  expect(arena.top).toBe(top)
  for (const bytes of [-1, 0.5, NaN]) expect(() => arena.allocate('x', bytes)).toThrow(/'x'/)
})

test('a product packs into the workspace it was given, and writes no other', () => {
  const shared = newSharedMemory(1)
  const arena = createArena(shared)
  const workspace = arena.allocate('second thread', WORKSPACE_BYTES)
  const tiles = { float32: '4x16', int16: '4x16' } as const
  const ops = createWasmOps(kernelModule, shared, { workspace, tiles })
  const c = arena.allocate('c', 128)
  ops.fill(c, 1, 16)
  const before = new Uint8Array(shared.buffer).slice()
  ops.gemm({ ...product, a: c, b: c, c: c + 64 })
  const changed = new Uint8Array(shared.buffer).findIndex((byte, i) => byte !== before[i])
  expect(changed).toBeGreaterThanOrEqual(workspace)
})

test('an op sees memory that has grown since', () => {
  for (const create of [
    createReferenceOps,
    (m: WebAssembly.Memory) => createWasmOps(kernelModule, m),
  ]) {
    const growing = newSharedMemory(1)
    const ops = create(growing)
    const x = createArena(growing).allocate('x', 40 * PAGE_BYTES)
    const last = x + 40 * PAGE_BYTES - 4
    ops.fill(last, 3, 1)
    expect(new Float32Array(growing.buffer, last, 1)[0]).toBe(3)
  }
})
