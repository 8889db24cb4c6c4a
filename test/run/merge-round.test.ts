/** A merge of more payloads than are in memory at a time, of which one cannot be read. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { AggregationJob } from '../../coordinator/index.ts'
import type { Compute } from '../../node/compute/compute.ts'
import { type MergeWorld, mergeRound } from '../../node/run/merge-round.ts'

/** The job of a round with so many contributions; nothing else of it is looked at. */
function jobOf(count: number): AggregationJob {
  const contributions = Array.from({ length: count }, (_, i) => {
    return { leaseId: i, payload: { digest: String(i), bytes: 1 }, tokens: 1, steps: 1 }
  })
  return { outerState: null, contributions } as unknown as AggregationJob
}

test('one failure is told, and another that comes after it goes to nobody', async () => {
  const reads: string[] = []
  const world = {
    config: { adapter: {} },
    measured: new Map(),
    blobs: {
      read: async (digest: string) => {
        reads.push(digest)
        // The second time it is read to be added, in the second part.
        if (digest === '39' && reads.indexOf(digest) < reads.length - 1) {
          throw new Error('the disk is gone')
        }
        return new Uint8Array(1)
      },
    },
    compute: {
      run: async (task: string) => {
        if (task === 'open-merge') return 1
        if (task !== 'add-payloads') return {}
        for (let i = 0; i < 5; i++) await setImmediate()
        throw new Error('the thread is gone')
      },
    } as unknown as Compute,
  } as unknown as MergeWorld
  const merged = mergeRound(world, jobOf(40), () => expect.unreachable())
  await expect(merged).rejects.toThrow('the disk is gone')
  // A rejection that nobody heard of would end this process now.
  for (let i = 0; i < 10; i++) await setImmediate()
  expect(reads.length).toBe(80)
})
