/** The journal, folded into the state that it describes. */
import {
  type CoordinatorEffect,
  type CoordinatorEvent,
  type CoordinatorState,
  initialState,
  step,
} from '../../coordinator/index.ts'
import { adapterLayout, initialAdapter, payloadBytes } from '../../kernels/index.ts'
import { decode, digestOf, type RunConfig, type RunId } from '../../protocol/index.ts'
import { bytesOf } from '../compute/floats.ts'
import { StorageError } from '../storage/errors.ts'
import type { Journal } from '../storage/journal.ts'
import type { BlobReader } from './evidence.ts'

/** An event may carry a whole contribution. */
export const JOURNAL_ENTRY_BYTES_MAX = 1024 * 1024

/**
 * The adapter that the first round starts from: the seed's, or what another run or program made.
 * @throws Error when that is not there, or has other sizes than the run's
 */
export async function firstAdapter(config: RunConfig, blobs: BlobReader): Promise<Uint8Array> {
  const { start } = config.adapter
  if (start === undefined) return seedAdapter(config)
  const expected = 4 * layoutOf(config).count
  const bytes = await blobs.read(start.checkpoint.digest, expected)
  if (bytes.length === expected) return bytes
  throw new Error(`it must have ${expected} bytes: it has ${bytes.length}`)
}

const layoutOf = ({ base, adapter }: RunConfig) => adapterLayout(base.shape, adapter)

const seedAdapter = (config: RunConfig) => bytesOf(initialAdapter(layoutOf(config), config.seed))

/** The state machine before anything happened in this run. */
export function freshState(config: RunConfig, runId: RunId): CoordinatorState {
  const { mode } = config.training
  const start = config.adapter.start?.checkpoint
  return initialState(config, runId, {
    base: start?.digest ?? digestOf(seedAdapter(config)),
    payloadBytes: payloadBytes(mode, config.aggregation.uplink, layoutOf(config)),
  })
}

/** The event in an entry: our own bytes, whose chain was checked. */
export function eventOf(body: Uint8Array): CoordinatorEvent {
  return decode(body, JOURNAL_ENTRY_BYTES_MAX) as CoordinatorEvent
}

/**
 * `observe` sees each event and its effects, with the entry's number.
 * @throws StorageError `damaged` for an entry that does not follow from those before it: whatever
 * came after it would be decided on a state that never was
 */
export function replay(
  state: CoordinatorState,
  journal: Pick<Journal, 'read'>,
  observe: (event: CoordinatorEvent, effects: CoordinatorEffect[], seq: number) => void = () => {},
): void {
  for (const { seq, body } of journal.read()) {
    const { event, effects } = decided(state, seq, body)
    observe(event, effects, seq)
  }
}

/** What the state machine breaks at is whole, and long. */
const wordsOf = ({ message }: Error): string =>
  /^Invariant broken/.test(message) ? 'something that no coordinator writes' : message

function decided(
  state: CoordinatorState,
  seq: number,
  body: Uint8Array,
): { event: CoordinatorEvent; effects: CoordinatorEffect[] } {
  try {
    const event = eventOf(body)
    const { accepted, effects } = step(state, event)
    if (accepted) return { event, effects }
    throw new Error(`a '${event.type}' that is not accepted there`)
  } catch (error) {
    throw new StorageError(
      'damaged',
      `Cannot read the journal as entry ${seq} must follow from those before it: ` +
        `it is ${wordsOf(error as Error)}. Restore the journal from a backup; nothing was changed`,
      { cause: error },
    )
  }
}
