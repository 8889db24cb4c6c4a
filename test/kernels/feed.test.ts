/** Streamed layers: read before they are used, never into a place in use, and failures are told. */
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test, vi } from 'vitest'
import { align } from '../../kernels/arena.ts'
import {
  closeFeed,
  feedOf,
  feedPlace,
  newFeedBoard,
  serveFeed,
  sharedFeed,
} from '../../kernels/feed.ts'
import { planMemory } from '../../kernels/plan.ts'
import { EMBEDDING } from '../../kernels/weights.ts'
import { MACHINES, newTrainer, randomAdapter, randomBatch, TINY } from './jobs.ts'

const [FIRST, LAYERS] = [2, 9]

/** The layers as a step needs them: up to the last and down again. */
function* passes(): Generator<[layer: number, next: number | null]> {
  for (let layer = 0; layer < LAYERS; layer++) {
    yield [layer, layer + 1 < LAYERS ? layer + 1 : null]
  }
  for (let layer = LAYERS - 1; layer >= 0; layer--) yield [layer, layer > 0 ? layer - 1 : null]
}

test('who reads for itself reads each layer that is not there, and none twice in a row', () => {
  const read: number[] = []
  const feed = feedOf(FIRST, (layer) => read.push(layer))
  for (const [layer, next] of passes()) feed.need(layer, next)
  expect(read).toEqual([2, 3, 4, 5, 6, 7, 8, 6, 5, 4, 3, 2])
})

test('a layer that could not be read is read again when it is needed again', () => {
  let isBroken = true
  const read: number[] = []
  const feed = feedOf(0, (layer) => {
    if (isBroken) throw new Error('the disk is gone')
    read.push(layer)
  })
  expect(() => feed.need(0, 1)).toThrow('the disk is gone')
  isBroken = false
  feed.need(0, 1)
  expect(read).toEqual([0])
})

/** A thread that writes the number of a layer into its place; it fails at `broken`. */
function startReader(broken: number) {
  const board = newFeedBoard()
  const places = new Int32Array(new SharedArrayBuffer(8))
  const workerData = { board, places, first: FIRST, broken }
  const worker = new Worker(new URL('./feed-worker.ts', import.meta.url), { workerData })
  const exit = new Promise((resolve) => worker.once('exit', resolve))
  onTestFinished(async () => {
    closeFeed(board)
    await exit
  })
  return { feed: sharedFeed(board, FIRST), places }
}

test('whoever computes finds each layer in its place, however often it goes up and down', () => {
  const { feed, places } = startReader(-1)
  for (let step = 0; step < 20; step++) {
    for (const [layer, next] of passes()) {
      feed.need(layer, next)
      if (layer >= FIRST) expect(Atomics.load(places, feedPlace(layer, FIRST))).toBe(layer)
    }
  }
})

test('a step that is given up leaves the next one its layers', () => {
  const { feed, places } = startReader(-1)
  for (let step = 0; step < 40; step++) {
    for (const [layer, next] of [...passes()].slice(0, (step * 7) % (2 * LAYERS))) {
      feed.need(layer, next)
      if (layer >= FIRST) expect(Atomics.load(places, feedPlace(layer, FIRST))).toBe(layer)
    }
  }
})

test('a layer that cannot be read is an error for whoever computes', () => {
  const { feed } = startReader(5)
  expect(() => {
    for (const [layer, next] of passes()) feed.need(layer, next)
  }).toThrow('A layer of the base cannot be read')
})

test('whoever begins to wait for a layer as another fails is told', () => {
  const board = newFeedBoard()
  const feed = sharedFeed(board, FIRST)
  feed.need(0, 4)
  const fail = () => {
    throw new Error('the disk is gone')
  }
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation((cells, index, value) => {
    expect(() => serveFeed(board, fail)).toThrow('the disk is gone')
    return Atomics.load(cells, index) === value ? 'timed-out' : 'not-equal'
  })
  onTestFinished(() => wait.mockRestore())
  expect(() => feed.need(5, null)).toThrow('A layer of the base cannot be read')
})

for (const [machine, create] of MACHINES) {
  test(`${machine}: layers that are streamed change no bit and take two places`, () => {
    const job = { ...TINY, model: { ...TINY.model, layerCount: 5 }, microBatch: 1 }
    const jobs = [0, 3, 5].map((streamedLayers) => ({ ...job, streamedLayers }))
    jobs.push({ ...jobs[2]!, recomputedLayers: 5 })
    const states = jobs.map((shape) => {
      const trainer = newTrainer(create(), shape)
      trainer.load(randomAdapter(trainer.layout, 4), null)
      const losses = [1, 2].map((seed) => trainer.localStep(randomBatch(job, 3, seed), 0.01))
      return { losses, state: trainer.state(), rest: trainer.evaluate(randomBatch(job, 3, 3)) }
    })
    for (const state of states) expect(state).toEqual(states[0])
    const [all, three, five] = jobs.map((shape) => planMemory(shape).bytes) as number[]
    const layer = (all! - five!) / 3
    expect(all! - three!).toBe(layer)
  })

  test(`${machine}: rows of an embedding that is no head are read for the tokens alone`, () => {
    const model = { ...TINY.model, layerCount: 4, vocabSize: 1024, tiedHead: false }
    const job = { ...TINY, model, microBatch: 1 }
    const [whole, streamed] = [0, 4].map((streamedLayers) => {
      const shape = { ...job, streamedLayers }
      const trainer = newTrainer(create(), shape)
      trainer.load(randomAdapter(trainer.layout, 4), null)
      const loss = trainer.localStep(randomBatch(job, 3, 1), 0.01)
      const { buffers } = planMemory(shape)
      const embedding = buffers.find(({ name }) => name === EMBEDDING)!.bytes
      return { bits: { loss, state: trainer.state() }, embedding }
    })
    expect(streamed!.bits).toEqual(whole!.bits)
    const bytesOf = (rows: number) => align(4 * rows * model.hiddenSize)
    expect(streamed!.embedding).toBe(bytesOf(job.sequenceLength))
    expect(whole!.embedding).toBe(bytesOf(model.vocabSize))
  })
}
