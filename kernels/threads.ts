/**
 * Several threads, one linear memory: how a stage of a step is cut into parts that any thread may
 * take, and how the thread that leads knows that all are done.
 *
 * The threads share a board of a few words. The leader writes a stage and its numbers on it and
 * moves `end` upwards; every thread, the leader too, takes tickets below `end` one by one and works
 * off the part that a ticket stands for; the leader goes on when all tickets are done. A thread
 * that comes late finds no ticket and delays nobody; a thread without work sleeps. Tickets are
 * never given out twice, so that nothing needs to be reset between stages.
 *
 * A part is a range of rows, columns or heads, never of a summed axis: who works it off, and how
 * many threads there are, changes no bit.
 */
import { newSharedBytes } from './arena.ts'
import { ShapeError } from './shape.ts'

/** Words of the board, then the numbers of the stage as float64. */
const NEXT = 0
const END = 1
const DONE = 2
const SIGNAL = 3
const STAGE = 4
const BASE = 5
const CLOSED = 6
const FAILED = 7
const CELLS = 8
const NUMBERS_MAX = 8

export type Board = SharedArrayBuffer

/** Part `part` of a stage; `numbers` are what the leader gave with it, and zeros. */
export type Stage = (part: number, numbers: Readonly<Float64Array>) => void

export interface Team {
  /** All threads that may take part, the leader included. */
  readonly threads: number
  /**
   * Runs parts 0 to count-1 of a stage and returns when all are done. False when the work was given
   * up: parts may be missing then.
   */
  run(stage: number, count: number, ...numbers: number[]): boolean
}

export function newBoard(): Board {
  return newSharedBytes(4 * CELLS + 8 * NUMBERS_MAX)
}

/**
 * The leader's side. `isStopping`: whether the work in progress is to be given up.
 * @throws what a part of its own throws, and Error when a part of another thread did.
 */
export function createTeam(
  board: Board,
  threads: number,
  stages: readonly Stage[],
  isStopping: () => boolean,
): Team {
  const cells = cellsOf(board)
  const numbersOfStage = numbersOf(board)
  return {
    threads,
    run(stage, count, ...numbers) {
      if (isStopping()) return false
      if (numbers.length > NUMBERS_MAX)
        throw new ShapeError(`A stage has ${numbers.length} numbers`)
      numbersOfStage.fill(0)
      numbersOfStage.set(numbers)
      announce(cells, stage, count)
      if (threads > 1 && count > 1) wake(cells, Math.min(threads, count) - 1)
      const failure = lead(cells, stages, numbersOfStage, isStopping)
      waitForAll(cells)
      if (failure !== null) throw failure
      if (Atomics.load(cells, FAILED) !== 0) throw new Error('A part failed in another thread')
      return !isStopping()
    },
  }
}

function announce(cells: Int32Array, stage: number, count: number): void {
  const base = Atomics.load(cells, END)
  Atomics.store(cells, STAGE, stage)
  Atomics.store(cells, BASE, base)
  Atomics.store(cells, END, (base + count) | 0)
}

/**
 * The leader's own share of a stage. When a part fails, the tickets that are left are still taken,
 * so that nobody waits for them.
 * @returns the first failure, or null
 */
function lead(
  cells: Int32Array,
  stages: readonly Stage[],
  numbers: Float64Array,
  isStopping: () => boolean,
): unknown {
  let failure: unknown = null
  for (let ticket = claim(cells); ticket !== null; ticket = claim(cells)) {
    try {
      if (failure === null && !isStopping()) runPart(cells, stages, numbers, ticket)
    } catch (error) {
      failure = error
    }
    finish(cells)
  }
  return failure
}

/**
 * The other threads' side: takes parts until the board is closed. A part that throws ends it, after
 * the leader has been told.
 */
export function serve(board: Board, stages: readonly Stage[]): void {
  const cells = cellsOf(board)
  const numbers = numbersOf(board)
  for (;;) {
    const signal = Atomics.load(cells, SIGNAL)
    for (let ticket = claim(cells); ticket !== null; ticket = claim(cells)) {
      try {
        runPart(cells, stages, numbers, ticket)
      } catch (error) {
        Atomics.store(cells, FAILED, 1)
        throw error
      } finally {
        finish(cells)
      }
    }
    if (Atomics.load(cells, CLOSED) !== 0) return
    Atomics.wait(cells, SIGNAL, signal)
  }
}

/** Lets `serve` return, in every thread. */
export function closeBoard(board: Board): void {
  const cells = cellsOf(board)
  Atomics.store(cells, CLOSED, 1)
  wake(cells)
}

function cellsOf(board: Board): Int32Array {
  return new Int32Array(board, 0, CELLS)
}

function numbersOf(board: Board): Float64Array {
  return new Float64Array(board, 4 * CELLS, NUMBERS_MAX)
}

/**
 * The next ticket, or null when there is none. Taken by compare-and-exchange, since a ticket beyond
 * `end` would be taken from the stage that comes next.
 */
function claim(cells: Int32Array): number | null {
  for (;;) {
    const next = Atomics.load(cells, NEXT)
    if (next === Atomics.load(cells, END)) return null
    if (Atomics.compareExchange(cells, NEXT, next, (next + 1) | 0) === next) return next
  }
}

function runPart(
  cells: Int32Array,
  stages: readonly Stage[],
  numbers: Float64Array,
  ticket: number,
): void {
  const stage = stages[Atomics.load(cells, STAGE)]!
  stage((ticket - Atomics.load(cells, BASE)) | 0, numbers)
}

function finish(cells: Int32Array): void {
  const done = (Atomics.add(cells, DONE, 1) + 1) | 0
  if (done === Atomics.load(cells, END)) Atomics.notify(cells, DONE)
}

function waitForAll(cells: Int32Array): void {
  const end = Atomics.load(cells, END)
  for (;;) {
    const done = Atomics.load(cells, DONE)
    if (done === end) return
    Atomics.wait(cells, DONE, done)
  }
}

function wake(cells: Int32Array, count = Number.POSITIVE_INFINITY): void {
  Atomics.add(cells, SIGNAL, 1)
  Atomics.notify(cells, SIGNAL, count)
}
