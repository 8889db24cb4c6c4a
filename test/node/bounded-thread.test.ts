import { expect, test } from 'vitest'
import { BOUNDS, workInThread } from '../../node/bounded-thread.ts'
import { ConfigError } from '../../protocol/index.ts'
import type { Task } from './bounded-worker.ts'

const work = (task: Task, bounds = {}) =>
  workInThread<Uint8Array>(
    new URL('./bounded-worker.ts', import.meta.url),
    task,
    Object.assign({ task: 'read the data' }, BOUNDS, bounds),
  )

test('what the work makes is handed over', async () =>
  expect(await work('answers')).toEqual(Uint8Array.of(1, 2)))

for (const [task, bounds, words] of [
  ['refuses', {}, ['Cannot read a.parquet']],
  ['leaks', {}, ['Cannot read a.parquet: unsupported page']],
  ['spins', { pieceMsMax: 100 }, ['Cannot read the data as a.parquet takes more than', 'seconds']],
  [
    'fills',
    { heapBytesMax: 2 ** 25 },
    ['Cannot read the data as a.parquet needs more than 32 MiB of memory'],
  ],
] as const) {
  test(`work that ${task} is the operator's to mend`, async () => {
    const error = await work(task, bounds).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    for (const word of words) expect((error as Error).message).toContain(word)
  })
}

for (const [task, word] of [
  ['fails', 'our bug'],
  ['ends', 'ended early'],
] as const) {
  test(`work that ${task} is ours`, async () => {
    const error = await work(task).catch((thrown: unknown) => thrown)
    expect(error).not.toBeInstanceOf(ConfigError)
    expect((error as Error).message).toContain(word)
  })
}
