/**
 * The bits of every op, frozen: sha256 over what its cases return and write. A changed digest is a
 * new version of the protocol, since volunteers of both versions no longer agree; write them anew
 * with `REWRITE=1 npx vitest run test/kernels/ops-digests.test.ts` and say why in the commit.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { implementations, wasm } from './harness.ts'
import { CASES_BY_OP, opDigest } from './op-digest.ts'

const VECTORS = new URL('../vectors/ops.json', import.meta.url)

if (process.env.REWRITE === '1') {
  const digests = CASES_BY_OP.map(([op, cases]) => [op, opDigest(wasm, cases)])
  writeFileSync(VECTORS, `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`)
}

const golden: Record<string, string> = JSON.parse(readFileSync(VECTORS, 'utf8'))

test('each op has a digest, and each digest an op', () => {
  expect(Object.keys(golden)).toEqual(CASES_BY_OP.map(([op]) => op))
})

for (const [op, cases] of CASES_BY_OP) {
  for (const ops of implementations) {
    test(`${op} of ${ops.name}`, () => expect(opDigest(ops, cases)).toBe(golden[op]))
  }
}
