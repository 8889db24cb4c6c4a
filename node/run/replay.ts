/** The journal, folded into the state that it describes. */
import type { CoordinatorEffect } from '../../coordinator/effect.ts'
import type { CoordinatorEvent } from '../../coordinator/event.ts'
import { type CoordinatorState, initialState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { decode } from '../../protocol/codec.ts'
import { digestOf } from '../../protocol/digest.ts'
import type { RunConfig, RunId } from '../../protocol/run-config.ts'
import type { Journal } from '../storage/journal.ts'
import { bytesOf } from '../training/floats.ts'

/** An event may carry a whole contribution. */
const JOURNAL_ENTRY_BYTES_MAX = 1024 * 1024

/** The state machine before anything happened in this run. */
export function freshState(
  config: RunConfig,
  runId: RunId,
  token: string | null,
): CoordinatorState {
  const layout = adapterLayout(config.base.shape, config.adapter)
  const base = digestOf(bytesOf(initialAdapter(layout, config.seed)))
  return initialState(config, runId, { base, token })
}

/** The event in an entry: our own bytes, whose chain was checked. */
export function eventOf(body: Uint8Array): CoordinatorEvent {
  return decode(body, JOURNAL_ENTRY_BYTES_MAX) as CoordinatorEvent
}

/** `observe` sees each event and its effects, with the entry's number. */
export function replay(
  state: CoordinatorState,
  journal: Pick<Journal, 'read'>,
  observe: (event: CoordinatorEvent, effects: CoordinatorEffect[], seq: number) => void = () => {},
): void {
  for (const { seq, body } of journal.read()) {
    const event = eventOf(body)
    observe(event, step(state, event).effects, seq)
  }
}
