/** What training would see of a run's data: examples with what is learned of them, and figures. */
import { notesOf } from '../dataset/notes.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import type { DataFigures } from './data-figures.ts'
import type { LocatedRun } from './locate-run.ts'
import { readDataOf, withBase } from './plan-run.ts'

export interface DataPreview extends DataFigures {
  dataset: PreparedDataset
  notes: string[]
}

/** @param examplesMax to show of each source */
export function previewData(run: LocatedRun, examplesMax: number): Promise<DataPreview> {
  return withBase(run, async (base) => {
    const { dataset, figures } = await readDataOf(run, base, examplesMax)
    return { ...figures, dataset, notes: notesOf(dataset) }
  })
}
