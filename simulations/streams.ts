/**
 * Streams of chance, one for each purpose, so that what one part draws moves nothing in another:
 * two policies under one seed meet the same volunteers, with the same machines, at the same times,
 * but for deaths of the coordinator at an event, as events differ. What no policy can move (who
 * comes, when, how fast, what the network does) is drawn in an order that is the machine's own;
 * what belongs to a lease or a message is that of the n-th of its machine.
 *
 * Source: Law and Kelton 2015, Simulation Modeling and Analysis, §11.2 (common random numbers).
 */
import type { Prng } from '../protocol/index.ts'
import { stream } from './laws.ts'

const PURPOSES = {
  /** One stream each for a machine. */
  machine: 1,
  churn: 8,
  session: 9,
  lease: 10,
  audit: 11,
  link: 12,
  message: 13,
  kill: 14,
  attacker: 6,
  culprit: 7,
  /** One for each crowd. */
  arrival: 2,
  /** One for each lease. */
  badNumbers: 15,
  /** One each for the run. */
  faultRates: 3,
  coordinator: 4,
  partition: 16,
  swizzle: 17,
  crash: 18,
} as const
type Purpose = keyof typeof PURPOSES

export const streamFor = (seed: number, purpose: Purpose, ...whose: readonly number[]): Prng =>
  stream(seed, PURPOSES[purpose], ...whose)

/** What a machine draws after it has come. */
export type MachineStreams = Readonly<Record<MachinePurpose, Prng>>
type MachinePurpose = 'churn' | 'session' | 'lease' | 'audit' | 'link' | 'message' | 'kill'

export const machineStreams = (seed: number, machine: number): MachineStreams => ({
  churn: streamFor(seed, 'churn', machine),
  session: streamFor(seed, 'session', machine),
  lease: streamFor(seed, 'lease', machine),
  audit: streamFor(seed, 'audit', machine),
  link: streamFor(seed, 'link', machine),
  message: streamFor(seed, 'message', machine),
  kill: streamFor(seed, 'kill', machine),
})
