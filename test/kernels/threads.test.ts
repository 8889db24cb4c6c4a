/** The board of a team: each part once, whoever works it off, and no end before all are done. */
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { isStopRequested, newControl, requestStop } from '../../kernels/control.ts'
import { closeBoard, createTeam, newBoard } from '../../kernels/threads.ts'
import {
  COUNT,
  countingStages,
  FAIL,
  FAIL_IN_HELPERS,
  HELPED,
  MARKS,
  WAIT_FOR_HELP,
} from './counting-stages.ts'

const PARTS_MAX = 1 << 14

function newTeam(threads: number, isStopping = () => false) {
  const board = newBoard()
  const counts = new SharedArrayBuffer(4 * (MARKS + PARTS_MAX))
  const cells = new Int32Array(counts)
  const helpers = Array.from({ length: threads - 1 }, (_, index) => {
    const workerData = { board, counts, thread: index + 1 }
    return new Worker(new URL('./part-worker.ts', import.meta.url), { workerData })
  })
  const exits = helpers.map((helper) => new Promise((resolve) => helper.once('exit', resolve)))
  const close = async () => {
    closeBoard(board)
    await Promise.all(exits)
  }
  onTestFinished(close)
  const team = createTeam(board, threads, countingStages(cells, 0), isStopping)
  return { team, cells, close }
}

for (const threads of [1, 2, 4]) {
  test(`${threads} threads work off each part once, in stages of 0 to 300 parts`, async () => {
    const { team, cells, close } = newTeam(threads)
    let total = 0
    for (let stage = 0; total + 300 < PARTS_MAX; stage++) {
      const count = (stage * 37) % 301
      expect(team.run(COUNT, count, total)).toBe(true)
      const done = cells.subarray(MARKS + total, MARKS + total + count)
      expect(done.every((times) => times === 1)).toBe(true)
      total += count
    }
    await close()
    expect(cells.subarray(MARKS).reduce((sum, times) => sum + times)).toBe(total)
    if (threads === 1) expect(cells[HELPED]).toBe(0)
  })
}

test('helpers do take parts', () => {
  const { team, cells } = newTeam(2)
  expect(team.run(WAIT_FOR_HELP, 2)).toBe(true)
  expect(cells[HELPED]).toBe(1)
})

test('a team that is told of more threads than have come does the work alone', () => {
  const cells = new Int32Array(MARKS + 50)
  const team = createTeam(newBoard(), 8, countingStages(cells, 0), () => false)
  expect(team.run(COUNT, 50)).toBe(true)
  expect([...cells.subarray(MARKS)]).toEqual(Array(50).fill(1))
})

test('a part that throws in the leader ends the stage with its error, and the next goes on', () => {
  const { team, cells } = newTeam(2)
  expect(() => team.run(FAIL, 1)).toThrow('this part fails')
  expect(team.run(COUNT, 5)).toBe(true)
  expect([...cells.subarray(MARKS, MARKS + 6)]).toEqual([1, 1, 1, 1, 1, 0])
})

test('a part that throws in another thread is an error for the leader too', () => {
  const { team } = newTeam(2)
  expect(() => {
    for (;;) team.run(FAIL_IN_HELPERS, 64)
  }).toThrow('A part failed in another thread')
})

test('work that is stopped is given up within a stage, and before the next', () => {
  let isStopping = false
  const cells = new Int32Array(MARKS + 100)
  const stages = countingStages(cells, 0)
  const stopAtTenth = (part: number, numbers: Readonly<Float64Array>) => {
    stages[COUNT]!(part, numbers)
    isStopping = part === 9
  }
  const team = createTeam(newBoard(), 1, [stopAtTenth], () => isStopping)
  expect(team.run(0, 100)).toBe(false)
  expect(cells.reduce((sum, times) => sum + times)).toBe(10)
  expect(team.run(0, 100)).toBe(false)
  expect(cells.reduce((sum, times) => sum + times)).toBe(10)
})

test('a stop is for the work of its name alone', () => {
  const control = newControl()
  requestStop(control, 7)
  expect([6, 7, 8].map((name) => isStopRequested(control, name))).toEqual([false, true, false])
})
