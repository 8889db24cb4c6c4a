/** The thread that reads a run's data and cuts it into shards: see read-data.ts. */
import { serveWork, type TellPiece } from '../bounded-work.ts'
import { cutDataset } from '../dataset/prepare.ts'
import { figuresOf } from './data-figures.ts'
import type { DataTask, ReadData } from './read-data.ts'
import { readSources } from './read-sources.ts'

void serveWork(read, ({ dataset }) =>
  [...dataset.blobs.values()].map(({ buffer }) => buffer as ArrayBuffer),
)

async function read(task: DataTask, tell: TellPiece): Promise<ReadData> {
  const { sources, parts, options, tokenizer } = await readSources(task, tell)
  const total = parts.reduce((sum, { examples, weight = 1 }) => {
    const tokens = examples.reduce((length, { ids }) => length + ids.length, 0)
    return sum + tokens * Math.max(1, weight)
  }, 0)
  tell('the cutting of sequences', total)
  const dataset = cutDataset(parts, tokenizer, options)
  return {
    dataset,
    figures: figuresOf(sources, parts, tokenizer, task.examplesMax),
    isTalk: options.template !== null,
  }
}
