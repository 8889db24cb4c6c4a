/** The thread that reads a run's data to say how much it is: see read-data.ts. */
import { serveWork, type TellPiece } from '../bounded-work.ts'
import { ratedAt } from '../dataset/sources.ts'
import { figuresOf } from './data-figures.ts'
import type { DataLook, DataTask } from './read-data.ts'
import { readSources } from './read-sources.ts'

void serveWork(look, () => [])

async function look(given: DataTask, tell: TellPiece): Promise<DataLook> {
  const rl = given.isRated ? null : await lossFor(given, tell)
  const task = rl === null ? given : ratedBy(given, rl)
  const { sources, parts, options, tokenizer } = await readSources(task, tell)
  return {
    figures: figuresOf(sources, parts, tokenizer, task.examplesMax),
    isStream: options.layout === 'stream',
    isTalk: options.template !== null,
    rl,
  }
}

/** What learns from all the datasets: from pairs `dpo`, from single ratings `kto`. */
async function lossFor({ datasets, folder }: DataTask, tell: TellPiece): Promise<DataLook['rl']> {
  const kinds = new Set<string | null>()
  for (const dataset of datasets) kinds.add(await ratedAt(dataset, folder, tell))
  if (kinds.has(null)) return null
  return kinds.has('rating') ? 'kto' : 'dpo'
}

const ratedBy = (task: DataTask, rl: NonNullable<DataLook['rl']>): DataTask => ({
  ...task,
  datasets: task.datasets.map((dataset) => ({ ...dataset, rl })),
  isRated: true,
})
