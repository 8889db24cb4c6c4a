/**
 * A word to those who compute, from whoever watches them in another thread: give this up. A word of
 * shared memory says it, since a thread in the middle of a step hears no message.
 *
 * It is felt before the next part of a stage, which takes milliseconds: the step in progress is
 * dropped, those before it stand.
 */
import { newSharedBytes } from './arena.ts'

export type Control = SharedArrayBuffer

export function newControl(): Control {
  return newSharedBytes(4)
}

/** The work of this name, an integer above 0, is to be given up. */
export function requestStop(control: Control, work: number): void {
  Atomics.store(new Int32Array(control), 0, work)
}

export function isStopRequested(control: Control, work: number): boolean {
  return Atomics.load(new Int32Array(control), 0) === work
}
