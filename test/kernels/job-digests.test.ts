/**
 * Long jobs on the embedded base end in the bits that are frozen, on any number of threads. What
 * takes a gigabyte, other engines and paired vectors are the business of `npm run test:engines` and
 * `npm run test:browser`.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFeedBoard } from '../../kernels/feed.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { GOLDEN_JOBS, jobDigest, type Room } from '../engines/golden-jobs.ts'
import { MACHINES } from './jobs.ts'
import { kernelModule } from './kernel-module.ts'

const read = (path: string) => readFileSync(new URL(path, import.meta.url))
const golden: Record<string, string> = JSON.parse(read('../vectors/jobs.json').toString())
const BASE = join(EMBEDDED_MODEL, 'model.safetensors')
const weights = readFileSync(BASE)
const [, createWasm] = MACHINES[1]!

test('each golden job has a digest of its own', () => {
  expect(Object.keys(golden)).toEqual(GOLDEN_JOBS.map(({ name }) => name))
  expect(new Set(Object.values(golden)).size).toBe(GOLDEN_JOBS.length)
})

/** A machine of its own for a job, with the threads that Node would start. */
function newRoom(threads: number): Room {
  const { ops, arena } = createWasm()
  const help: Room['help'] = ({ feed, ...work }) => {
    const shared = { module: kernelModule, memory: ops.memory, tiles: FAIR_TILES }
    const pool = startThreads({ ...work, ...shared, feed: feed && { feed, file: BASE } })
    return () => void pool.close()
  }
  return { ops, arena, weights, threads, help }
}

test('a base in blocks gives the bits of the same base in float32', () => {
  const job = GOLDEN_JOBS.find(({ kernels }) => kernels.base === 'blocks')!
  const kernels = { base: 'float32', path: 'float32' } as const
  const room = { ...createWasm(), weights, threads: 1, help: () => () => {} }
  expect(jobDigest({ ...job, kernels }, room)).toBe(golden[job.name])
})

for (const job of GOLDEN_JOBS.filter(({ name }) => name.startsWith('embedded'))) {
  for (const threads of [1, 2, 4]) {
    test(`${job.name}, ${threads} threads`, () => {
      expect(jobDigest(job, newRoom(threads))).toBe(golden[job.name])
    })
  }
  test(`${job.name}, 3 layers read by the thread that computes`, () => {
    expect(jobDigest(job, { ...newRoom(1), streamedLayers: 3 })).toBe(golden[job.name])
  })
  // The base in blocks is made by the job: there is no file that another thread could read.
  if (job.kernels.base !== 'blocks') {
    test(`${job.name}, 2 threads, 5 layers read by a thread of its own`, () => {
      const room = { ...newRoom(2), streamedLayers: 5, feed: newFeedBoard() }
      expect(jobDigest(job, room)).toBe(golden[job.name])
    })
  }
}
