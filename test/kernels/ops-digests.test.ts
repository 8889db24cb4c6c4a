/**
 * The bits of every op, frozen: sha256 over what its cases return and write. A changed digest is a
 * new version of the protocol, since volunteers of both versions no longer agree; write them anew
 * with `REWRITE=1 npx vitest run test/kernels/ops-digests.test.ts` and say why in the commit.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Ops } from '../../kernels/ops.ts'
import { implementations, runCase, wasm } from './harness.ts'
import { OP_CASES } from './op-cases.ts'

const VECTORS = new URL('../vectors/ops.json', import.meta.url)

const byOp = [...Map.groupBy(OP_CASES, ({ op }) => op)].sort(([a], [b]) => (a < b ? -1 : 1))

function digestOf(ops: Ops, cases: typeof OP_CASES): string {
  const hash = createHash('sha256')
  for (const opCase of cases) {
    const { returned, arrays } = runCase(ops, opCase)
    if (returned !== undefined) hash.update(Float64Array.of(Number(returned)))
    for (const name of opCase.outputs) hash.update(arrays[name]!)
  }
  return hash.digest('hex')
}

if (process.env.REWRITE === '1') {
  const digests = byOp.map(([op, cases]) => [op, digestOf(wasm, cases)])
  writeFileSync(VECTORS, `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`)
}

const golden: Record<string, string> = JSON.parse(readFileSync(VECTORS, 'utf8'))

test('each op has a digest, and each digest an op', () => {
  expect(Object.keys(golden)).toEqual(byOp.map(([op]) => op))
})

for (const [op, cases] of byOp) {
  for (const ops of implementations) {
    test(`${op} of ${ops.name}`, () => expect(digestOf(ops, cases)).toBe(golden[op]))
  }
}
