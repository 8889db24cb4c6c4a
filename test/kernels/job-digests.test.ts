/**
 * Long jobs on the embedded base end in the bits that are frozen, on any number of threads. What
 * takes a gigabyte, other engines and paired vectors are the business of `npm run test:engines` and
 * `npm run test:browser`.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newControl } from '../../kernels/control.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { GOLDEN_JOBS, jobDigest, type Room } from '../engines/golden-jobs.ts'
import { MACHINES } from './jobs.ts'
import { kernelModule } from './kernel-module.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url))
const golden: Record<string, string> = JSON.parse(read('../vectors/jobs.json').toString())
const weights = read('../../node/model/embedded/model.safetensors')
const [, createWasm] = MACHINES[1]!

test('each golden job has a digest of its own', () => {
  expect(Object.keys(golden)).toEqual(GOLDEN_JOBS.map(({ name }) => name))
  expect(new Set(Object.values(golden)).size).toBe(GOLDEN_JOBS.length)
})

test('a base in blocks gives the bits of the same base in float32', () => {
  const job = GOLDEN_JOBS.find(({ kernels }) => kernels.base === 'blocks')!
  const kernels = { base: 'float32', path: 'float32' } as const
  const room = { ...createWasm(), weights, threads: 1, help: () => () => {} }
  expect(jobDigest({ ...job, kernels }, room)).toBe(golden[job.name])
})

for (const job of GOLDEN_JOBS.filter(({ name }) => name.startsWith('embedded'))) {
  for (const threads of [1, 2, 4]) {
    test(`${job.name}, ${threads} threads`, () => {
      const { ops, arena } = createWasm()
      const help: Room['help'] = (work) => {
        const { memory } = ops
        const shared = { module: kernelModule, memory, control: newControl(), tiles: FAIR_TILES }
        const pool = startThreads({ ...work, ...shared })
        return () => void pool.close()
      }
      expect(jobDigest(job, { ops, arena, weights, threads, help })).toBe(golden[job.name])
    })
  }
}
