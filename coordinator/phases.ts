/** The phases of a run, and each way from one to another. docs/rounds.md draws them from here. */
import type { RunStatus } from '../protocol/index.ts'

export type Phase = RunStatus['phase']

export const TRANSITIONS: readonly (readonly [from: Phase, to: Phase, why: string])[] = [
  ['waiting', 'training', 'the first lease'],
  ['training', 'aggregating', 'all is in, or the time is over and something is'],
  ['training', 'waiting', 'the time is over, twice, and nothing is in'],
  ['aggregating', 'waiting', 'merged, or everything was rejected or taken back'],
  ['aggregating', 'training', 'not published, and its work is repeated'],
  ['aggregating', 'finished', 'merged, and the run has its batches or its rounds'],
  ['finished', 'waiting', 'counted work was taken back, or the run went back'],
]

export function isTransition(from: Phase, to: Phase): boolean {
  return from === to || TRANSITIONS.some(([a, b]) => a === from && b === to)
}
