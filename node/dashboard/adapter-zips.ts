/**
 * The adapters of rounds as zips, for whoever asks: each is made once, however many want it, one at
 * a time, since an export replays the journal. What nobody waits for any more is not begun, and
 * what is kept is bounded.
 */
import { raceSignal } from 'race-signal'
import { createSlots } from '../network/slots.ts'

export type AdapterZip =
  | { status: 'ready'; zip: Uint8Array }
  /** The run has no adapter of that round. */
  | { status: 'none' }
  /** Too many others wait. */
  | { status: 'busy' }

export interface AdapterZips {
  /** @throws the signal's reason when it aborts first */
  zipOf(round: number, signal: AbortSignal): Promise<AdapterZip>
}

export interface AdapterZipsLimits {
  /** Rounds that wait to be zipped. */
  waitingMax: number
  /** What is kept for those who ask later. */
  bytesMax: number
}

const LIMITS: AdapterZipsLimits = { waitingMax: 8, bytesMax: 256 * 2 ** 20 }

/** A zip that is being made, or waits to be. */
interface Making {
  zip: Promise<Uint8Array | null>
  /** Those who want it. */
  count: number
  giveUp: AbortController
}

/** @param make the zip of a round; null: there is none */
export function createAdapterZips(
  make: (round: number) => Promise<Uint8Array | null>,
  { waitingMax, bytesMax }: AdapterZipsLimits = LIMITS,
): AdapterZips {
  const slots = createSlots(1)
  const making = new Map<number, Making>()
  /** Oldest use first. */
  const kept = new Map<number, Uint8Array>()

  function keep(round: number, zip: Uint8Array): void {
    kept.delete(round)
    kept.set(round, zip)
    let bytes = [...kept.values()].reduce((sum, { length }) => sum + length, 0)
    for (const [oldest, { length }] of kept) {
      if (bytes <= bytesMax) return
      kept.delete(oldest)
      bytes -= length
    }
  }

  function begin(round: number): Making {
    const giveUp = new AbortController()
    const zip = slots.run(giveUp.signal, () => make(round))
    const begun: Making = { zip, count: 0, giveUp }
    making.set(round, begun)
    const end = () => {
      if (making.get(round) === begun) making.delete(round)
    }
    zip.then(end, end)
    // At once, so that who comes next does not wait for what is given up.
    giveUp.signal.addEventListener('abort', end)
    return begun
  }

  return {
    async zipOf(round, signal) {
      signal.throwIfAborted()
      const known = kept.get(round)
      if (known !== undefined) {
        keep(round, known)
        return { status: 'ready', zip: known }
      }
      if (!making.has(round) && slots.waiting >= waitingMax) return { status: 'busy' }
      const wanted = making.get(round) ?? begin(round)
      const zip = await whileWanted(wanted, signal)
      if (zip === null) return { status: 'none' }
      keep(round, zip)
      return { status: 'ready', zip }
    },
  }
}

/** The last who goes takes the wish along: what has not begun never does. */
async function whileWanted(wanted: Making, signal: AbortSignal): Promise<Uint8Array | null> {
  wanted.count += 1
  const leave = () => {
    wanted.count -= 1
    if (wanted.count === 0) wanted.giveUp.abort(signal.reason)
  }
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await raceSignal(wanted.zip, signal)
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
