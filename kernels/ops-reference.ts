/**
 * The slow, obvious implementation of `Ops` and the oracle of the fast one: plain loops in which
 * every operation is rounded to float32 at once (`Math.fround`, or a store to a Float32Array), in
 * the order that the SIMD kernels must keep. `reference/` and `assembly/` have the same parts, to
 * be read side by side.
 */
import type { Ops } from './ops.ts'
import { checkedOps } from './ops-checked.ts'
import { adamW } from './reference/adamw.ts'
import * as columns from './reference/columns.ts'
import * as compress from './reference/compress.ts'
import * as frozen from './reference/frozen.ts'
import { gemm } from './reference/gemm.ts'
import { exp, log, ropeTable } from './reference/math.ts'
import * as noise from './reference/noise.ts'
import * as rows from './reference/rows.ts'
import { trimmedMean } from './reference/trimmed.ts'
import * as vectors from './reference/vectors.ts'

type Bound<F> = F extends (memory: WebAssembly.Memory, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never

export function createReferenceOps(memory: WebAssembly.Memory): Ops {
  return checkedOps({
    name: 'reference',
    memory,
    ...bind(memory, { gemm, exp, log, ropeTable, adamW, trimmedMean }),
    ...bind(memory, columns),
    ...bind(memory, frozen),
    ...bind(memory, noise),
    ...bind(memory, rows),
    ...bind(memory, vectors),
    ...bind(memory, compress),
  })
}

/** Gives each function the memory as its first argument. */
function bind<T extends object>(
  memory: WebAssembly.Memory,
  functions: T,
): {
  [Name in keyof T]: Bound<T[Name]>
} {
  const bound = Object.entries(functions).map(([name, f]) => [name, f.bind(null, memory)])
  return Object.fromEntries(bound)
}
