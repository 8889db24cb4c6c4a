/**
 * A word to those who compute, from whoever watches them in another thread: sleep, go on, give this
 * up. Two words of shared memory say it, since a thread in the middle of a step hears no message.
 *
 * A pause is felt before the next operation, which takes milliseconds; nothing is lost by it. A
 * stop is felt before the next phase of a layer: the step in progress is dropped, those before it
 * stand. A paused thread hears of a stop when the pause is over.
 */
import { newSharedBytes } from './arena.ts'

const PAUSED = 0
const STOPPING = 1
const CELLS = 2

export type Control = SharedArrayBuffer

export function newControl(): Control {
  return newSharedBytes(4 * CELLS)
}

/** Every thread sleeps before its next operation, until the pause is over. */
export function setPaused(control: Control, isPaused: boolean): void {
  const cells = new Int32Array(control)
  Atomics.store(cells, PAUSED, isPaused ? 1 : 0)
  if (!isPaused) Atomics.notify(cells, PAUSED)
}

/** The work of this name, an integer above 0, is to be given up. */
export function requestStop(control: Control, work: number): void {
  Atomics.store(new Int32Array(control), STOPPING, work)
}

export function isStopRequested(control: Control, work: number): boolean {
  return Atomics.load(new Int32Array(control), STOPPING) === work
}

/** Each of these functions, but asleep while there is a pause. */
export function pausable<T extends object>(control: Control, functions: T): T {
  const cells = new Int32Array(control)
  const wrapped = Object.entries(functions).map(([name, value]: [string, unknown]) => {
    if (typeof value !== 'function') return [name, value]
    const run = (...args: unknown[]) => {
      while (Atomics.load(cells, PAUSED) !== 0) Atomics.wait(cells, PAUSED, 1)
      return value(...args)
    }
    return [name, run]
  })
  return Object.fromEntries(wrapped)
}
