/**
 * What the organiser decides about a run, told to the process that hosts it, or written into the
 * journal of one that nobody hosts. Both ways it is an event like any other, decided by `step`.
 */
import {
  type CoordinatorEvent,
  type CoordinatorEventOf,
  type Outcome,
  step,
} from '../../coordinator/index.ts'
import { ConfigError, encode } from '../../protocol/index.ts'
import type { Unstamped } from '../clock.ts'
import { freshState, replay } from '../run/replay.ts'
import { type RunFolder, readRunConfig } from '../run/run-folder.ts'
import { createSqliteJournal } from '../storage/sqlite-journal.ts'

export type Order = Unstamped<
  CoordinatorEventOf<'kicked' | 'unbanned' | 'rewound' | 'invited' | 'invite-revoked' | 'allowed'>
>

export interface OrderResult {
  /** false: there was nothing to change. */
  accepted: boolean
  /** What the run says of it. */
  said: string[]
}

export function resultOf({ accepted, effects }: Outcome): OrderResult {
  const said = effects.flatMap((effect) =>
    effect.type === 'log' && effect.level !== 'debug' ? [effect.text] : [],
  )
  return { accepted, said }
}

/**
 * Writes an order into the journal of a run that nobody hosts: whoever does next goes on so.
 * @throws StorageError `locked` when somebody does; ConfigError when the run has not begun
 */
export async function orderStopped(folder: RunFolder, order: Order): Promise<OrderResult> {
  const { config, runId } = await readRunConfig(folder)
  const journal = createSqliteJournal(folder.journal, { runId })
  try {
    const state = freshState(config, runId)
    replay(state, journal)
    const { at } = state
    if (at === null)
      throw new ConfigError(`Cannot change the run in '${folder.root}': it has not begun`)
    const event = { ...order, at } as CoordinatorEvent
    const outcome = step(state, event)
    if (outcome.accepted) journal.append([encode(event)])
    return resultOf(outcome)
  } finally {
    journal.close()
  }
}
