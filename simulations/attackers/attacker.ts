/**
 * An attacker is an honest volunteer but for what is listed here: it runs the same state machine,
 * keeps to the protocol, and takes as long as an honest machine would, so that only what it says
 * can give it away.
 */
import type { AuditResult } from '../../coordinator/index.ts'
import type { Prng } from '../../protocol/index.ts'
import type { WorkDone } from '../work-done.ts'

export interface Attacker {
  readonly name: string
  /** What it does, in a line for `--help`. */
  readonly about: string
  /** Identities on each of its machines, which share its speed and its address; left out: one. */
  readonly identities?: number
  /** Takes leases and audits, and does nothing until they are taken from it. */
  readonly withholds?: true
  /** Comes back under a new key when it is banned. */
  readonly whitewashes?: true
  /** What it says instead of the truth; left out, or null: the truth. */
  handIn?(work: Work): Lie | null
  /** Its answer when it is to repeat somebody's steps. */
  answer?(asked: Asked): AuditResult
}

/** What it knows when it has to hand in `steps`. */
export interface Work {
  readonly steps: number
  /** What this identity has handed in so far. */
  readonly done: number
  /** The first that it handed in, and what another volunteer handed in last. */
  readonly own: WorkDone | null
  readonly others: WorkDone | null
  readonly random: Prng
}

export interface Lie {
  /** So many links of the trace are right: those of the steps that it really does. */
  rightLinks: number
  payload: Forgery
}

/**
 * Made of the right payload: no change at all; noise as large as it; eight times it; its reverse; a
 * little of its reverse, so that its norm stays as it is. Or the payload of other work.
 */
export type Forgery = 'zeros' | 'noise' | 'scaled' | 'flipped' | 'leaning' | FewerSteps | WorkDone
export type FewerSteps = { steps: number }

export interface Asked {
  /** What an honest auditor finds. */
  readonly right: AuditResult
  /** What one of its own kind has handed in for these steps, if the work is that of its kind. */
  readonly claimed: WorkDone | null
  readonly isFull: boolean
}
