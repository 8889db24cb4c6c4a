/**
 * Whether this machine computes the bits of everybody else: each op that runs in vectors is asked
 * once, on ragged sizes, and must answer as the reference does. Processors and engines that follow
 * WebAssembly all do. Not all follow it: 32-bit ARM flushes subnormal numbers to zero in its
 * vectors, a big-endian engine may swap what the reference does not, and experimental code may do
 * anything.
 */
import { type Arena, createArena, newSharedMemory } from './arena.ts'
import { weightBytes } from './frozen.ts'
import type { BlockKind, FrozenWeight, GemmForm, Ops, Pointer, ProductPath } from './ops.ts'
import { createReferenceOps } from './ops-reference.ts'
import { createWasmOps } from './ops-wasm.ts'
import { philox } from './philox.ts'
import type { Tiles } from './tile-template.ts'

/** Numbers of the input, and of the output that every op starts from. */
const COUNT = 8192
/** M, N, K of products, or T, O, I: edges of every tile, pairs of vectors and a rest. */
const [M, N, K] = [21, 37, 70]
const KEY = [0x9e3779b9, 0xbb67ae85] as const

/** Ops read x, numbers in (-2, 2), or their magnitudes, and change y, which starts as x. */
interface Place {
  x: Pointer
  positive: Pointer
  y: Pointer
}

type Call = (ops: Ops, place: Place) => unknown
/** What is asked, by the name of the op that it is about. */
export type Questions = Readonly<Record<string, Call>>

/** What an op left in y, and what it returned. */
interface Answer {
  bytes: Uint8Array
  returned: unknown
}

/** Answers by the names of their questions. */
export type Answers = Readonly<Record<string, Answer>>

/** This machine cannot take part, and nothing that we or its owner did is at fault. */
export class MachineError extends Error {
  override name = 'MachineError'
}

const PAGES = 32

/** The reference's answers to all questions. The reference is slow: ask once. */
export function knownAnswers(): Answers {
  const memory = newSharedMemory(PAGES)
  const { answer } = askIn(createArena(memory), createReferenceOps(memory))
  const questions = Object.entries({ ...PRODUCTS, ...ROWS })
  return Object.fromEntries(questions.map(([name, call]) => [name, answer(call)]))
}

/** Throws MachineError unless the compiled kernels give the known answers here. */
export function checkMachine(
  module: WebAssembly.Module,
  tiles: Tiles,
  known: Answers = knownAnswers(),
): void {
  const wrong = wrongAnswer(module, [tiles], 0, known)
  if (wrong === null) return
  throw new MachineError(
    'Cannot compute on this machine as its results must be those of all others to the last bit: ' +
      `those of '${wrong}' are not. Use another machine, or another browser`,
  )
}

/**
 * The first op of the compiled kernels, in any of these tiles, whose bits are not those that are
 * known; null when there is none. Each has been called `warmUps` times before its answer counts.
 */
export function wrongAnswer(
  module: WebAssembly.Module,
  tried: readonly Tiles[],
  warmUps: number,
  known: Answers,
): string | null {
  const memory = newSharedMemory(PAGES)
  const arena = createArena(memory)
  for (const [index, tiles] of tried.entries()) {
    const ops = createWasmOps(module, memory, { tiles })
    // Tiles have no part in the rows.
    const questions = index === 0 ? { ...PRODUCTS, ...ROWS } : PRODUCTS
    const wrong = firstDisagreement(questions, ops, known, arena, warmUps)
    if (wrong !== null) return wrong
  }
  return null
}

/**
 * The name of the first op whose answer is another one than is known; null when all agree. Each op
 * has been called `warmUps` times before its answer counts.
 */
export function firstDisagreement(
  questions: Questions,
  ops: Ops,
  known: Answers,
  arena: Arena,
  warmUps: number,
): string | null {
  const mark = arena.mark()
  const { ask, answer } = askIn(arena, ops)
  const agrees = ([name, call]: [string, Call]) => {
    for (let i = 0; i < warmUps; i++) ask(call)
    const [actual, expected] = [answer(call), known[name]!]
    return equal(actual.bytes, expected.bytes) && Object.is(actual.returned, expected.returned)
  }
  const wrong = Object.entries(questions).find((question) => !agrees(question))
  arena.release(mark)
  return wrong?.[0] ?? null
}

/** Asks of these ops. Their place stays allocated in the arena. */
function askIn(arena: Arena, ops: Ops) {
  const place = {
    x: arena.allocate('answers x', 4 * COUNT),
    positive: arena.allocate('answers positive', 4 * COUNT),
    y: arena.allocate('answers y', 4 * COUNT),
  }
  const { buffer } = ops.memory
  const inputs = numbers()
  new Float32Array(buffer, place.x, COUNT).set(inputs)
  new Float32Array(buffer, place.positive, COUNT).set(inputs.map(Math.abs))
  const [x, y] = [place.x, place.y].map((pointer) => new Uint8Array(buffer, pointer, 4 * COUNT))
  const ask = (call: Call): unknown => {
    y!.set(x!)
    return call(ops, place)
  }
  const answer = (call: Call): Answer => {
    const returned = ask(call)
    return { returned, bytes: y!.slice() }
  }
  return { ask, answer }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function numbers(): Float32Array {
  return Float32Array.from({ length: COUNT }, (_, i) => {
    const word = philox(KEY, [i >>> 2, 0, 0, 0])[i & 3]!
    return (2 * (word >>> 8) + 1 - 2 ** 24) / 2 ** 23
  })
}

function product(form: GemmForm): Call {
  const [lda, ldb] = [form === 'tn' ? M : K, form === 'nt' ? K : N]
  const sizes = { form, M, N, K, lda, ldb, ldc: N, accumulate: true }
  return (ops, { x, y }) => ops.gemm({ ...sizes, a: x, b: x + 4 * M * K, c: y })
}

/** The weight (O,I) is stored behind the output. */
function frozen(name: 'frozenForward' | 'frozenBackward', path: ProductPath): Call {
  return (ops, { x, y }) => {
    const [T, O, I] = [M, N, K]
    const values = y + 4 * T * K
    const scales = values + 4 * O * I
    const weight: FrozenWeight = { kind: 'int8', values, scales, outputs: O, inputs: I }
    ops.storeWeight(weight, x)
    ops[name](y, x, weight, T, path, true)
  }
}

/**
 * The same with blocks, made of x: of every 16 bits the two upper ones are left out, so that no
 * float16 among them is anything but finite.
 */
function frozenBlocks(
  name: 'frozenForward' | 'frozenBackward',
  kind: BlockKind,
  path: ProductPath = 'float32',
): Call {
  return (ops, { x, y }) => {
    const [T, O, I] = [M, N, 256]
    const values = y + 4 * T * I
    const count = weightBytes(kind, O, I).values / 2
    const words = new Uint16Array(ops.memory.buffer, x, count)
    new Uint16Array(ops.memory.buffer, values, count).set(words.map((word) => word & 0x3fff))
    ops[name](y, x, { kind, values, scales: values, outputs: O, inputs: I }, T, path, true)
  }
}

/** Codes, scales, and what they mean. */
function requantise(levels: 7 | 127): Call {
  return (ops, { x, y }) => {
    ops.quantise(y, y + 4096, x, 999, levels)
    ops.dequantise(y + 8000, y, y + 4096, 999, levels)
  }
}

const [T, D] = [5, 75]
const step = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0.01,
  gradientScale: 0.5,
  mCorrection: 2,
  vCorrection: 3,
  ratioMax: 2,
}

/** The products, which every tile must answer alike. */
export const PRODUCTS: Questions = {
  'gemm nt': product('nt'),
  'gemm nn': product('nn'),
  'gemm tn': product('tn'),
  'frozenForward float32': frozen('frozenForward', 'float32'),
  'frozenBackward float32': frozen('frozenBackward', 'float32'),
  'frozenForward int16': frozen('frozenForward', 'int16'),
  'frozenBackward int16': frozen('frozenBackward', 'int16'),
  'frozenForward Q5_1': frozenBlocks('frozenForward', 'Q5_1'),
  'frozenForward Q5_K': frozenBlocks('frozenForward', 'Q5_K'),
  'frozenBackward Q5_K': frozenBlocks('frozenBackward', 'Q5_K'),
  'frozenBackward Q6_K': frozenBlocks('frozenBackward', 'Q6_K'),
  'frozenForward Q5_1 int16': frozenBlocks('frozenForward', 'Q5_1', 'int16'),
  'frozenForward Q5_K int16': frozenBlocks('frozenForward', 'Q5_K', 'int16'),
  'frozenBackward Q5_K int16': frozenBlocks('frozenBackward', 'Q5_K', 'int16'),
  'frozenBackward Q6_K int16': frozenBlocks('frozenBackward', 'Q6_K', 'int16'),
}

/** Every other op that runs in vectors. */
export const ROWS: Questions = {
  rmsNormForward: (ops, { x, y }) => ops.rmsNormForward(y, y + 4 * T * D, x, x, T, D, 1e-5),
  rmsNormBackward: (ops, { x, y }) => ops.rmsNormBackward(y, x, x + 4 * D, x, x, T, D),
  rope: (ops, { x, y }) => ops.rope(y, 132, x, x + 400, 8, 4, 3, 44, 1),
  causalSoftmax: (ops, { y }) => ops.causalSoftmax(y, T, D, D, 60, 0.3),
  causalSoftmaxBackward: (ops, { positive, y }) =>
    ops.causalSoftmaxBackward(y, positive, T, D, D, 60, 0.3),
  swigluForward: (ops, { x, y }) => ops.swigluForward(y, x, x + 4 * D, 9, 111, 111),
  swigluBackward: (ops, { x, y }) =>
    ops.swigluBackward(y, y + 8000, x, x + 4 * D, x + 8 * D, 9, 111, 113),
  crossEntropy: (ops, { y }) => {
    const targets = y + 4 * T * D
    new Int32Array(ops.memory.buffer, targets, T).set([0, 74, -1, 33, 7])
    return ops.crossEntropy(y, targets, T, D, 0.25)
  },
  vectors: (ops, { x, y }) => {
    ops.add(y, x + 400, 1003)
    ops.scale(y, 1 / 3, 1003)
    ops.subtract(y + 4 * 1003, y, x, 1003)
    return ops.sumSquares(y, 1003)
  },
  columns: (ops, { x, y }) => {
    ops.scaleColumns(y, y, x, T, D, D + 3)
    ops.addColumnProducts(y + 4000, x, y, x + 4 * D, T, D, D + 3)
  },
  sums: (ops, { x, y }) => {
    ops.fill(y, 0, 2 * 999)
    ops.accumulateWeighted(y, x, 1 / 7, 999)
    ops.roundSum(y + 8 * 1000, y, 1 / 3, 999)
  },
  adamW: (ops, { x, positive, y }) => {
    ops.copy(y + 8000, positive, 999)
    ops.adamW({ ...step, n: 999, theta: y, gradient: x, m: y + 4000, v: y + 8000 })
  },
  'quantise int4': requantise(7),
  'quantise int8': requantise(127),
  'scale to subnormals': (ops, { y }) => ops.scale(y, 1e-39, 1003),
  'widenFloat16 of subnormals': (ops, { y }) => {
    const halves = new Uint16Array(ops.memory.buffer, y + 8000, 999)
    for (let i = 0; i < halves.length; i++) halves[i] = (37 * i) & 0x3ff
    ops.widenFloat16(y, y + 8000, halves.length)
  },
  widenBfloat16: (ops, { x, y }) => ops.widenBfloat16(y, x, 999),
  exp: (ops, { x, y }) => ops.exp(y, x, 999),
}
