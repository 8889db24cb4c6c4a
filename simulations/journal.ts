/**
 * The journal of a simulated coordinator: a snapshot and what was accepted since, as production
 * keeps them. Replaying it must give the live state, byte for byte: at every checkpoint that is
 * verified, and whenever the coordinator dies.
 */
import {
  type CoordinatorEvent,
  type CoordinatorState,
  restore,
  snapshot,
} from '../coordinator/index.ts'
import { decode, encode } from '../protocol/index.ts'
import type { Step } from './world.ts'

export interface Journal {
  append(event: CoordinatorEvent): void
  /** What the journal gives after a crash; complains if it is not the state that died. */
  recover(live: CoordinatorState): CoordinatorState
  /** Starts anew from a snapshot when enough has been written; now and then replays first. */
  checkpoint(live: CoordinatorState): void
  /** Replays and compares, whatever has been written. */
  verify(live: CoordinatorState): void
  readonly replays: number
}

export interface JournalOptions {
  /** The state before the first event. */
  fresh: () => CoordinatorState
  step: Step
  /** Entries between two snapshots. */
  entriesMax: number
  /** One of so many snapshots is checked by a replay. */
  verifyEvery: number
  /** Whether entries are kept as the bytes that a disk would hold. */
  asBytes: boolean
  complain(what: string): void
}

const EVENT_BYTES_MAX = 2 ** 24

export function createJournal(options: JournalOptions): Journal {
  const { fresh, step, entriesMax, verifyEvery, asBytes, complain } = options
  let from: Uint8Array | null = null
  let entries: (CoordinatorEvent | Uint8Array)[] = []
  let checkpoints = 0
  let replays = 0

  function replay(): CoordinatorState {
    replays += 1
    const state = from === null ? fresh() : restore(from)
    for (const entry of entries) {
      const event = entry instanceof Uint8Array ? decode(entry, EVENT_BYTES_MAX) : entry
      const { accepted } = step(state, event as CoordinatorEvent)
      if (!accepted) complain('replay does not accept an event of the journal')
    }
    return state
  }

  function recover(live: CoordinatorState): CoordinatorState {
    const state = replay()
    const [a, b] = [snapshot(state), snapshot(live)]
    const isSame = a.length === b.length && a.every((byte, index) => byte === b[index])
    if (!isSame) complain('the replayed journal is not the live state')
    return state
  }

  return {
    get replays() {
      return replays
    },
    append: (event) => {
      entries.push(asBytes ? encode(event) : event)
    },
    recover,
    verify: (live) => {
      recover(live)
    },
    checkpoint: (live) => {
      if (entries.length < entriesMax) return
      checkpoints += 1
      if (checkpoints % verifyEvery === 0) recover(live)
      from = snapshot(live)
      entries = []
    },
  }
}
