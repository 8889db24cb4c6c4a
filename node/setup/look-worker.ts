/** The thread that reads a run's data to say how much it is: see read-data.ts. */
import { serveWork, type TellPiece } from '../bounded-work.ts'
import { figuresOf } from './data-figures.ts'
import type { DataLook, DataTask } from './read-data.ts'
import { readSources } from './read-sources.ts'

void serveWork(look, () => [])

async function look(task: DataTask, tell: TellPiece): Promise<DataLook> {
  const { sources, parts, options, tokenizer } = await readSources(task, tell)
  return {
    figures: figuresOf(sources, parts, tokenizer, task.examplesMax),
    isStream: options.layout === 'stream',
    isTalk: options.template !== null,
  }
}
