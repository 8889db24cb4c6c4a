/** A journal is believed whole or not at all: an entry that does not follow stops the replay. */
import { expect, test } from 'vitest'
import type { CoordinatorEvent } from '../../coordinator/index.ts'
import { freshState, replay } from '../../node/run/replay.ts'
import { encode, runIdOf } from '../../protocol/index.ts'
import { STARTED } from '../coordinator/coin.ts'
import { exampleConfig } from '../protocol/example-config.ts'
import { createMemoryJournal } from '../storage/memory-journal.ts'

const config = exampleConfig()
const runId = runIdOf(config)

const started: CoordinatorEvent = { ...STARTED, at: 0 }

for (const [name, entry, why] of [
  [
    'the end of a lease that nobody had',
    { type: 'payload-stored', at: 1, leaseId: 7 },
    "a 'payload-stored' that is not accepted there",
  ],
  ['a tick before anything is due', { type: 'tick', at: 1 }, "a 'tick' that is not accepted there"],
  ['an event of a kind that there is not', { type: 'eclipse', at: 1 }, 'no coordinator writes'],
  ['a value that is no event', 12, 'no coordinator writes'],
] as const) {
  test(`${name} is damage, and the entry is named`, () => {
    const journal = createMemoryJournal(runId)
    journal.append([started, entry].map(encode))
    const seen: number[] = []
    const play = () =>
      replay(freshState(config, runId), journal, (_event, _effects, seq) => seen.push(seq))
    expect(play).toThrow(expect.objectContaining({ name: 'StorageError', code: 'damaged' }))
    expect(play).toThrow(`entry 2 must follow from those before it: it is`)
    expect(play).toThrow(why)
    expect(seen).not.toContain(2)
  })
}
