/** The bits of an op as one digest: over what its cases return and write. Runs in any engine. */
import type { Ops } from '../../kernels/ops.ts'
import { concatBytes, type Digest, digestOf } from '../../protocol/digest.ts'
import { type OpCase, runCase } from './harness.ts'
import { OP_CASES } from './op-cases.ts'

/** Cases by op, those of blocks by themselves for each path, in the order of their names. */
export const CASES_BY_OP: readonly (readonly [op: string, cases: readonly OpCase[]])[] = [
  ...Map.groupBy(OP_CASES, groupOf),
].sort(([a], [b]) => (a < b ? -1 : 1))

function groupOf({ op, sizes }: OpCase): string {
  const [, path] = / Q\S+( int16)?/.exec(sizes) ?? []
  if (path !== undefined) return `${op} of blocks,${path}`
  return / Q\d_/.test(sizes) ? `${op} of blocks` : op
}

export function opDigest(ops: Ops, cases: readonly OpCase[]): Digest {
  const parts = cases.flatMap((opCase) => {
    const { returned, arrays } = runCase(ops, opCase)
    const written = opCase.outputs.map((name) => bytesOf(arrays[name]!))
    return returned === undefined
      ? written
      : [bytesOf(Float64Array.of(Number(returned))), ...written]
  })
  return digestOf(concatBytes(...parts))
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
