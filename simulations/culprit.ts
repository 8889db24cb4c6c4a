/** One identity of an attacker's, and what it has said so far. */
import type { LeaseId, PeerId, Prng } from '../protocol/index.ts'
import type { Attacker } from './attackers/attacker.ts'
import { streamFor } from './streams.ts'
import type { WorkDone } from './work-done.ts'

export interface Culprit {
  readonly attacker: Attacker
  readonly peer: PeerId
  readonly machine: number
  readonly random: Prng
  /** What it has handed in, and the first of it. */
  done: number
  own: WorkDone | null
  /** Steps that it really trained for what it handed in. */
  trained: number
  /** Leases and audits of which it says what is false, or nothing: all of a withholder's. */
  readonly falseAbout: Set<LeaseId>
  /** Those of them that were accepted, in their order. */
  readonly bad: Set<LeaseId>
  /** When the first was. */
  badAt: number | null
  /** How many there were, and when, as it was first blamed. */
  found: { bad: number; at: number } | null
}

export function newCulprit(
  seed: number,
  machine: number,
  attacker: Attacker,
  key: number,
): Culprit {
  return {
    attacker,
    peer: `v${machine}.${key}`,
    machine,
    random: streamFor(seed, 'culprit', machine, key),
    done: 0,
    own: null,
    trained: 0,
    falseAbout: new Set(),
    bad: new Set(),
    badAt: null,
    found: null,
  }
}
