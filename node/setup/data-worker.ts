/** The thread that reads a run's data and cuts it into shards: see read-data.ts. */
import { serveWork, type TellPiece } from '../bounded-work.ts'
import { cutDataset } from '../dataset/prepare.ts'
import { isTemplateUsed, type ReadScoredRows, readScoredRows } from '../dataset/read-scored-rows.ts'
import { type ChatTemplate, modelTemplate, openChatTemplate } from '../model/chat-template.ts'
import { withStops } from '../model/stops.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
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
    scored: await scoredOf(task, options.template, tokenizer, tell),
  }
}

/** The template is opened only where something is written by it: some bases have none. */
async function scoredOf(
  { scored, companions, template: name, folder, rows, contextLength }: DataTask,
  ofTalks: ChatTemplate | null,
  tokenizer: TextTokenizer,
  tell: TellPiece,
): Promise<ReadScoredRows | null> {
  if (scored === null) return null
  const template = () => ofTalks ?? openChatTemplate(companions, name)
  const usesTemplate = isTemplateUsed(scored)
  const turns = usesTemplate ? template() : (ofTalks ?? modelTemplate(companions))
  const world = {
    folder,
    tokenizer: withStops(tokenizer, companions, turns),
    template,
    vocabularyRows: rows,
    contextLength,
    tell,
  }
  return readScoredRows(scored, world)
}
