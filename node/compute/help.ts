/** What the other threads of a trainer do, until their boards are closed. */
import {
  type Board,
  createWasmOps,
  type FeedBoard,
  feedTrainer,
  helpTrainer,
  type JobShape,
  type Pointer,
  type Tiles,
} from '../../kernels/index.ts'
import type { OpenWeights, WeightOpener } from '../model/base-weights.ts'
import type { BlobFile } from '../storage/blob-store.ts'

/** The trainer that a thread works for. */
export interface TrainerData {
  module: WebAssembly.Module
  memory: WebAssembly.Memory
  tiles: Tiles
  job: JobShape
  /** The place in memory at which the trainer's buffers begin. */
  place: Pointer
}

/** Where layers are asked for, and the file that they are read from. */
export interface FeedData {
  feed: FeedBoard
  file: BlobFile
}

export interface FeederData extends TrainerData, FeedData {}

export interface HelperData extends TrainerData {
  board: Board
  /** Its number, from 1; the trainer's own is 0. */
  thread: number
}

/** Parts of the compute thread's steps. */
export function help(data: HelperData): void {
  const { module, memory, tiles, board, job, place, thread } = data
  helpTrainer(
    (workspace) => createWasmOps(module, memory, { workspace, tiles }),
    job,
    place,
    thread,
    board,
  )
}

/** Layers of the base, when a step comes to them. */
export function feed(
  { module, memory, tiles, job, place, feed: board, file }: FeederData,
  openWeights: WeightOpener,
): void {
  const ops = createWasmOps(module, memory, { tiles })
  let weights: OpenWeights | null = null
  // A file that cannot be opened is told like one that cannot be read.
  const open = () => (weights ??= openWeights(file, job.model))
  feedTrainer(ops, job, place, board, {
    tensor: (name) => open().tensor(name),
    rows: (name, first, count) => open().rows(name, first, count),
    blocks: (name) => open().blocks!(name),
  })
  open().close()
}
