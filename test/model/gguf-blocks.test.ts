/** A quantised GGUF as a base: its blocks come as they lie, and mean what is read of them. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BLOCK_KINDS, BLOCKS, isBlockKind } from '../../kernels/blocks.ts'
import { newFeedBoard, sharedFeed } from '../../kernels/feed.ts'
import type { BlockKind, StorageKind } from '../../kernels/ops.ts'
import { widenBlocks } from '../../kernels/reference/blocks.ts'
import { type ModelShape, TARGETS } from '../../kernels/shape.ts'
import { newBoard } from '../../kernels/threads.ts'
import { FAIR_TILES } from '../../kernels/tile-template.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { weightMatrices, weightTensors } from '../../kernels/weights.ts'
import { startThreads } from '../../node/compute/thread-pool.ts'
import { weightsFromBytes } from '../../node/model/base-weights.ts'
import { ggufArchitecture, ggufNames } from '../../node/model/gguf-names.ts'
import { ggufPieces } from '../../node/model/gguf-write.ts'
import { kindsInTurn, randomBlocks } from '../kernels/block-weights.ts'
import {
  MACHINES,
  randomAdapter,
  randomBatch,
  randomFloats,
  sha256,
  TINY,
} from '../kernels/jobs.ts'
import { kernelModule } from '../kernels/kernel-module.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const SHAPE: ModelShape = {
  ...TINY.model,
  hiddenSize: 256,
  intermediateSize: 256,
  headDim: 64,
  tiedHead: false,
}

const draw = (count: number, seed: number) =>
  new Uint32Array(randomFloats(count, 1, seed).map((value) => (value + 1) * 2 ** 31))

/** A file with matrices of these kinds. */
function fileOf(model: ModelShape, kinds: readonly StorageKind[]): Uint8Array {
  const names = ggufNames(model)
  const matrices = weightMatrices(model).map(({ name }) => name)
  const tensors = weightTensors(model).map(({ name, shape }, seed) => {
    const count = shape.reduce((product, size) => product * size, 1)
    const kind = kinds[matrices.indexOf(name)] ?? 'float32'
    const bytes = isBlockKind(kind)
      ? randomBlocks(kind, count / BLOCKS[kind].scalars, draw, seed)
      : new Uint8Array(randomFloats(count, 0.6, seed).map((value) => value + 1).buffer)
    const type = isBlockKind(kind) ? kind : ('F32' as const)
    return { name: names.get(name)!, shape, type, pieces: () => [bytes] }
  })
  const architecture = { type: 'string', value: ggufArchitecture(model) } as const
  const metadata = new Map([['general.architecture', architecture]])
  return Buffer.concat([...ggufPieces({ metadata, tensors })])
}

function stateOf(job: JobShape, file: Uint8Array): string {
  const { ops, arena } = MACHINES[1]![1]()
  const trainer = createTrainer(ops, arena, job, weightsFromBytes(job.model, file))
  trainer.load(randomAdapter(trainer.layout, 7), null)
  expect(trainer.localStep(randomBatch(job, 2, 1), 1e-3).status).toBe('ok')
  return sha256(trainer.state())
}

for (const [what, model] of [
  ['with rows of q and k in another order', SHAPE],
  ['of an architecture that keeps their order', { ...SHAPE, headNorm: true }],
] as const) {
  const kinds = kindsInTurn(model, [...BLOCK_KINDS, 'float32'])
  const file = fileOf(model, kinds)
  const weights = weightsFromBytes(model, file)

  test(`a file ${what} is stored as it is`, () => {
    expect(weights.storage).toEqual({ base: 'blocks', kinds })
    expect(weights.quantised).toEqual([...new Set(kinds)].filter(isBlockKind).sort())
    for (const [index, { name, shape }] of weightMatrices(model).entries()) {
      const kind = kinds[index]!
      if (!isBlockKind(kind)) continue
      const { scalars, bytes } = BLOCKS[kind]
      const stored = weights.blocks!(name)
      const into = new Uint8Array(((shape[0]! * shape[1]!) / scalars) * bytes)
      stored.read(into, 0)
      expect(stored).toMatchObject({ kind, shape })
      expect(widenBlocks(kind as BlockKind, into), name).toEqual(weights.tensor(name).values)
    }
  })

  test(`any rows of a file ${what} are those of the whole matrix`, () => {
    for (const { name, shape } of weightMatrices(model)) {
      const [rows, columns] = [shape[0]!, shape[1]!]
      const { values } = weights.tensor(name)
      for (const [first, count] of [
        [0, rows],
        [3, 1],
        [Math.floor(rows / 3) + 1, Math.floor(rows / 2)],
        [rows - 1, 1],
      ] as const) {
        const expected = values.subarray(first * columns, (first + count) * columns)
        expect(weights.rows(name, first, count), `${name} ${first}`).toEqual(expected)
      }
    }
  })

  test(`a step on a file ${what} has the bits of one on the same in float32`, () => {
    const job: JobShape = { ...TINY, model, adapter: { ...TINY.adapter, targets: TARGETS } }
    const stored = { ...job, kernels: { ...weights.storage, path: 'float32' as const } }
    expect(stateOf(stored, file)).toBe(stateOf(job, file))
  })
}

test('layers in blocks, read from their file by a thread of its own: the same bits', async () => {
  const model = { ...SHAPE, layerCount: 4 }
  const bytes = fileOf(model, kindsInTurn(model, [...BLOCK_KINDS, 'float32']))
  const path = join(await temporaryFolder(), 'base.gguf')
  await writeFile(path, bytes)
  const { storage } = weightsFromBytes(model, bytes)
  const kernels = { ...storage, path: 'float32' as const }
  const job: JobShape = { ...TINY, model, kernels, streamedLayers: 4, threads: 2 }
  const { ops, arena } = MACHINES[1]![1]()
  const [board, feed] = [newBoard(), newFeedBoard()]
  const crew = { board, feed: sharedFeed(feed, 0), isStopping: () => false }
  const trainer = createTrainer(ops, arena, job, weightsFromBytes(model, bytes), crew)
  const { place } = trainer
  const shared = { module: kernelModule, memory: ops.memory, tiles: FAIR_TILES }
  const pool = startThreads({ ...shared, job, place, board, feed: { feed, file: path } })
  onTestFinished(() => pool.close())
  trainer.load(randomAdapter(trainer.layout, 7), null)
  expect(trainer.localStep(randomBatch(job, 2, 1), 1e-3).status).toBe('ok')
  expect(sha256(trainer.state())).toBe(stateOf({ ...job, streamedLayers: 0, threads: 1 }, bytes))
})
