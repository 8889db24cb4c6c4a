/**
 * The doors of the room: every op's sizes and pointers are checked here, once for all
 * implementations, which then trust them. A failure is a bug of ours, so it throws ShapeError and
 * names the op and the argument.
 */
import { hasIntegerPath, isBlockKind, rowUnit } from './blocks.ts'
import { NUMBER_BYTES, STORAGE_KINDS, weightBytes } from './frozen.ts'
import {
  type FrozenWeight,
  type Ops,
  type Pointer,
  type ProductPath,
  trimmedWorkBytes,
} from './ops.ts'
import { ShapeError } from './shape.ts'

type OpName = Exclude<keyof Ops, 'name' | 'memory'>
type Doors = { [Name in OpName]: (door: Door, ...args: Parameters<Ops[Name]>) => void }
type Pointers = Readonly<Record<string, Pointer>>

interface Door {
  /** Each region of n numbers, of four bytes if not said, lies aligned within memory. */
  regions(n: number, pointers: Pointers, bytes?: number): void
  /** Each count is a whole number of at least `min`. */
  counts(counts: Readonly<Record<string, number>>, min?: number): void
  /** n int32 at a pointer, each from `min` to below `end`. */
  indices(name: string, pointer: Pointer, n: number, min: number, end: number): void
  must(holds: boolean, message: string): void
  memoryEnd(): Pointer
}

export function checkedOps(ops: Ops): Ops {
  const checked = Object.entries(DOORS).map(([name, check]) => {
    const door = createDoor(ops.memory, name)
    const pass = check as (door: Door, ...args: unknown[]) => void
    const op = ops[name as OpName] as (...args: unknown[]) => unknown
    const run = (...args: unknown[]) => {
      pass(door, ...args)
      return op(...args)
    }
    return [name, run]
  })
  return { name: ops.name, memory: ops.memory, ...Object.fromEntries(checked) }
}

function createDoor(memory: WebAssembly.Memory, op: string): Door {
  const fail = (message: string): never => {
    throw new ShapeError(`Cannot run ${op}: ${message}`)
  }
  const counts: Door['counts'] = (counts, min = 0) => {
    for (const name in counts) {
      const n = counts[name]!
      if (!Number.isSafeInteger(n) || n < min) {
        fail(`'${name}' must be a whole number of at least ${min}: current value is ${n}`)
      }
    }
  }
  const regions: Door['regions'] = (n, pointers, bytes = 4) => {
    counts({ size: n })
    const top = memory.buffer.byteLength
    for (const name in pointers) {
      const pointer = pointers[name]!
      const end = pointer + n * bytes
      if (!(pointer >= 0 && pointer % bytes === 0)) {
        fail(`'${name}' must be a multiple of ${bytes}: current value is ${pointer}`)
      }
      if (end > top) fail(`'${name}' ends at ${end}, but the memory at ${top}`)
    }
  }
  return {
    counts,
    regions,
    indices(name, pointer, n, min, end) {
      regions(n, { [name]: pointer })
      const indices = new Int32Array(memory.buffer, pointer, n)
      for (let i = 0; i < n; i++) {
        const index = indices[i]!
        if (index < min || index >= end)
          fail(`'${name}'[${i}] must be below ${end}: it is ${index}`)
      }
    },
    must(holds, message) {
      if (!holds) fail(message)
    },
    memoryEnd: () => memory.buffer.byteLength,
  }
}

/** Numbers from the first to the last of a matrix whose rows are `ld` apart. */
function span(rows: number, columns: number, ld: number): number {
  return rows === 0 || columns === 0 ? 0 : (rows - 1) * ld + columns
}

/** Rows of scores or probabilities of one head. */
function softmaxDoor(
  door: Door,
  matrices: Pointers,
  rows: number,
  columns: number,
  ld: number,
  first: number,
  scale: number,
): void {
  door.counts({ rows, columns, first })
  door.counts({ ld }, columns)
  door.must(scale > 0, `'scale' must be positive: current value is ${scale}`)
  door.regions(span(rows, columns, ld), matrices)
}

function quantisedDoor(
  door: Door,
  x: Pointers,
  codes: Pointer,
  scales: Pointer,
  n: number,
  levels: number,
): void {
  door.must(levels === 7 || levels === 127, `'levels' must be 7 or 127: current value is ${levels}`)
  door.regions(n, x)
  door.regions(levels === 7 ? Math.ceil(n / 2) : n, { codes }, 1)
  door.regions(Math.ceil(n / 64), { scales }, 2)
}

function weightDoor(door: Door, { kind, values, scales, outputs, inputs }: FrozenWeight): void {
  door.must(STORAGE_KINDS.includes(kind), `'kind' must be a storage kind: current value is ${kind}`)
  door.counts({ outputs, inputs })
  const bytes = weightBytes(kind, outputs, inputs)
  const unit = rowUnit(kind)
  door.must(
    inputs % unit === 0,
    `'inputs' must be a multiple of ${unit} for ${kind}: current value is ${inputs}`,
  )
  // A block has float16 numbers in it.
  const value = isBlockKind(kind) ? 2 : NUMBER_BYTES[kind]
  door.regions(bytes.values / value, { values }, value)
  if (bytes.scales > 0) door.regions(bytes.scales / 4, { scales })
}

function frozenDoor(
  door: Door,
  rows: { outputs: Pointers; inputs: Pointers },
  weight: FrozenWeight,
  T: number,
  path: ProductPath,
  _accumulate: boolean,
  ld = weight.outputs,
): void {
  weightDoor(door, weight)
  door.counts({ T })
  door.counts({ ld }, weight.outputs)
  door.regions(span(T, weight.outputs, ld), rows.outputs)
  door.regions(T * weight.inputs, rows.inputs)
  const isBackward = 'dy' in rows.outputs
  const runs = path === 'float32' || (path === 'int16' && hasIntegerPath(weight.kind, isBackward))
  door.must(
    runs,
    "'path' must be float32, or int16 for int8 and blocks, backwards those of 256: " +
      `it is ${path} for ${weight.kind}`,
  )
}

const DOORS: Doors = {
  dropout(door, { y, x, T, I, ldy, ldx, row, column, threshold, seed, stream, batch }) {
    door.counts({ T, I, row, column, 'column / 8': column / 8, threshold, seed, stream, batch })
    door.counts({ ldy, ldx }, I)
    door.must(threshold < 65_536, `'threshold' must be below 65536: current value is ${threshold}`)
    door.regions(span(T, I, ldy), { y })
    door.regions(span(T, I, ldx), { x })
  },
  addNoise(door, { y, T, D, row, magnitude, seed, batch }) {
    door.counts({ T, D, row, seed, batch })
    door.must(magnitude >= 0, `'magnitude' must not be negative: current value is ${magnitude}`)
    door.regions(T * D, { y })
  },
  gemm(door, { form, M, N, K, a, lda, b, ldb, c, ldc }) {
    door.counts({ M, N, K })
    const [aRows, aColumns] = form === 'tn' ? [K, M] : [M, K]
    const [bRows, bColumns] = form === 'nt' ? [N, K] : [K, N]
    door.counts({ lda }, aColumns)
    door.counts({ ldb }, bColumns)
    door.counts({ ldc }, N)
    door.regions(span(aRows, aColumns, lda), { a })
    door.regions(span(bRows, bColumns, ldb), { b })
    door.regions(span(M, N, ldc), { c })
  },
  frozenForward: (door, y, x, ...product) =>
    frozenDoor(door, { outputs: { y }, inputs: { x } }, ...product),
  frozenBackward: (door, dx, dy, ...product) =>
    frozenDoor(door, { outputs: { dy }, inputs: { dx } }, ...product),
  storeWeight(door, weight, w) {
    weightDoor(door, weight)
    door.must(
      !isBlockKind(weight.kind),
      `'kind' must be none of blocks, which lie as their file has them: it is ${weight.kind}`,
    )
    door.regions(weight.outputs * weight.inputs, { w })
  },
  gatherFrozen(door, y, weight, ids, T) {
    weightDoor(door, weight)
    door.regions(T * weight.inputs, { y })
    door.indices('ids', ids, T, 0, weight.outputs)
  },
  rmsNormForward(door, y, rstd, x, w, T, D) {
    door.counts({ D }, 1)
    door.regions(T * D, { y, x })
    door.regions(T, { rstd })
    door.regions(D, { w })
  },
  rmsNormBackward(door, dx, dy, x, w, rstd, T, D) {
    door.counts({ D }, 1)
    door.regions(T * D, { dx, dy, x })
    door.regions(T, { rstd })
    door.regions(D, { w })
  },
  ropeTable(door, cos, sin, S, E, theta, divisors) {
    door.counts({ S, E, 'E / 2': E / 2 })
    door.must(theta > 0, `'theta' must be positive: current value is ${theta}`)
    const fits = divisors === null || divisors.length === E / 2
    door.must(fits, `'divisors' must be ${E / 2}: current value is ${divisors?.length}`)
    door.regions((S * E) / 2, { cos, sin })
  },
  rope(door, x, ld, cos, sin, T, S, heads, E, direction) {
    door.counts({ T, heads, E, 'E / 2': E / 2 })
    door.counts({ S }, 1)
    door.counts({ ld }, heads * E)
    const isTurn = direction === 1 || direction === -1
    door.must(isTurn, `'direction' must be 1 or -1: current value is ${direction}`)
    door.regions(span(T, heads * E, ld), { x })
    door.regions((S * E) / 2, { cos, sin })
  },
  causalSoftmax: (door, p, ...sizes) => softmaxDoor(door, { p }, ...sizes),
  causalSoftmaxBackward: (door, dp, p, ...sizes) => softmaxDoor(door, { dp, p }, ...sizes),
  swigluForward(door, y, gate, up, T, F, ld) {
    door.counts({ T, F })
    door.counts({ ld }, F)
    door.regions(T * F, { y })
    door.regions(span(T, F, ld), { gate, up })
  },
  swigluBackward(door, dgate, dup, dy, gate, up, T, F, ld) {
    door.counts({ T, F })
    door.counts({ ld }, F)
    door.regions(T * F, { dy })
    door.regions(span(T, F, ld), { dgate, dup, gate, up })
  },
  crossEntropy(door, logits, targets, T, V) {
    door.counts({ V }, 1)
    door.regions(T * V, { logits })
    door.indices('targets', targets, T, -1, V)
  },
  gatherRows(door, y, table, ids, T, D) {
    door.counts({ D }, 1)
    door.regions(T * D, { y })
    door.regions(0, { table })
    door.indices('ids', ids, T, 0, Math.floor((door.memoryEnd() - table) / (4 * D)))
  },
  fill: (door, y, _value, n) => door.regions(n, { y }),
  copy: (door, y, x, n) => door.regions(n, { y, x }),
  add: (door, y, x, n) => door.regions(n, { y, x }),
  scale: (door, y, _factor, n) => door.regions(n, { y }),
  scaleColumns(door, y, x, c, T, O, ld) {
    door.counts({ T, O })
    door.counts({ ld }, O)
    door.regions(span(T, O, ld), { y, x })
    door.regions(O, { c })
  },
  addColumnProducts(door, sums, x, y, c, T, O, ld) {
    door.counts({ T, O })
    door.counts({ ld }, O)
    door.regions(span(T, O, ld), { x, y })
    door.regions(O, { sums, c })
  },
  subtract: (door, y, a, b, n) => door.regions(n, { y, a, b }),
  sumSquares: (door, x, n) => door.regions(n, { x }),
  largestMagnitude: (door, x, n) => door.regions(n, { x }),
  allFinite: (door, x, n) => door.regions(n, { x }),
  adamW: (door, { n, theta, gradient, m, v }) => door.regions(n, { theta, gradient, m, v }),
  accumulateWeighted(door, sum, x, _weight, n) {
    door.regions(n, { sum }, 8)
    door.regions(n, { x })
  },
  roundSum(door, y, sum, _factor, n) {
    door.regions(n, { sum }, 8)
    door.regions(n, { y })
  },
  trimmedMean(door, { y, x, clips, weights, parts, K, n, trim, work }) {
    door.counts({ K }, 1)
    door.regions(n, { y })
    door.regions(K * n, { x })
    door.regions(K, { clips, weights, parts }, 8)
    door.regions(trimmedWorkBytes(K) / 8, { work }, 8)
    door.must(trim >= 0, `'trim' must be at least 0: current value is ${trim}`)
  },
  widenFloat16(door, y, x, n) {
    door.regions(n, { y })
    door.regions(n, { x }, 2)
  },
  widenBfloat16(door, y, x, n) {
    door.regions(n, { y })
    door.regions(n, { x }, 2)
  },
  quantise: (door, codes, scales, x, ...sizes) =>
    quantisedDoor(door, { x }, codes, scales, ...sizes),
  dequantise: (door, y, codes, scales, ...sizes) =>
    quantisedDoor(door, { y }, codes, scales, ...sizes),
  exp: (door, y, x, n) => door.regions(n, { y, x }),
  log: (door, y, x, n) => door.regions(n, { y, x }),
}
