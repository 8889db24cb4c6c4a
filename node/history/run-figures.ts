/**
 * The figures of a run that its published page shows: the rows of the dashboard, as they were after
 * the last entry of the journal. Whoever publishes writes them; whoever checks makes them again.
 */
import type { CoordinatorState } from '../../coordinator/index.ts'
import { createReadModel, type ReadModel } from './read-model.ts'
import type { Changes } from './rows.ts'

export interface RunFigures {
  observe: ReadModel['observe']
  /** What the page reads. */
  written(): Changes
}

/** @param state the run before its first event */
export function createRunFigures(state: CoordinatorState): RunFigures {
  const model = createReadModel(state)
  return {
    observe: model.observe,
    written: () => Object.assign(model.changesFrom(null), { leases: [], log: [] }),
  }
}
