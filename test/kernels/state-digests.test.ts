/**
 * The bits of a job, frozen: the state's sha256 after each of ten steps of a tiny LLaMA, for each
 * way to store and multiply its base. A changed digest is a new version of the protocol; write them
 * anew with `REWRITE=1 npx vitest run test/kernels/state-digests.test.ts` and say why in the
 * commit.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BaseKernels } from '../../kernels/frozen-base.ts'
import { createTrainer } from '../../kernels/train-step.ts'
import { MACHINES, sha256 } from './jobs.ts'
import { llamaVectors } from './llama-vectors.ts'

const VECTORS = new URL('../vectors/llama-states.json', import.meta.url)

const KERNELS: readonly BaseKernels[] = [
  { base: 'float32', path: 'float32' },
  { base: 'float16', path: 'float32' },
  { base: 'bfloat16', path: 'float32' },
  { base: 'int8', path: 'float32' },
  { base: 'int8', path: 'int16' },
]
const CASES = (['llama-tied', 'llama-untied'] as const).flatMap((model) =>
  KERNELS.map((kernels) => ({
    name: `${model}, ${kernels.base} by ${kernels.path}`,
    model,
    kernels,
  })),
)
type Case = (typeof CASES)[number]

function digests(create: (typeof MACHINES)[number][1], { model, kernels }: Case): string[] {
  const { job, weights, adapter, batches, learningRate } = llamaVectors(model)
  const { ops, arena } = create()
  const trainer = createTrainer(ops, arena, { ...job, kernels }, weights)
  trainer.load(adapter, null)
  return batches.map((batch) => {
    trainer.localStep(batch, learningRate)
    return sha256(trainer.state())
  })
}

if (process.env.REWRITE === '1') {
  const [, create] = MACHINES[1]!
  const states = CASES.map((one) => [one.name, digests(create, one)])
  writeFileSync(VECTORS, `${JSON.stringify(Object.fromEntries(states), null, 2)}\n`)
}

const frozen: Record<string, string[]> = JSON.parse(readFileSync(VECTORS, 'utf8'))

test('each case has its digests, and no two cases agree', () => {
  expect(Object.keys(frozen)).toEqual(CASES.map(({ name }) => name))
  const last = Object.values(frozen).map((states) => states.at(-1))
  expect(new Set(last).size).toBe(CASES.length)
})

for (const [machine, create] of MACHINES) {
  for (const one of CASES) {
    test(`${machine}: ${one.name}`, () => expect(digests(create, one)).toEqual(frozen[one.name]))
  }
}
