/** A run's data as tokens, before it is cut into sequences. For a thread that can be ended. */
import type { TellPiece } from '../bounded-work.ts'
import type { DatasetOptions } from '../dataset/prepare.ts'
import { openSource, type Source } from '../dataset/sources.ts'
import { type Tokenised, tokenise } from '../dataset/tokenised.ts'
import { openChatTemplate } from '../model/chat-template.ts'
import { type TextTokenizer, tokenizerFromBytes } from '../model/tokenizer.ts'
import { checkRows } from './missing-rows.ts'
import type { DataTask } from './read-data.ts'

export interface ReadSources {
  sources: Source[]
  /** Read from each source. */
  parts: Tokenised[]
  options: DatasetOptions
  tokenizer: TextTokenizer
}

/** @throws ConfigError that names what cannot be read, or not be learned on this base */
export async function readSources(task: DataTask, tell: TellPiece): Promise<ReadSources> {
  const { companions, datasets, folder, rows } = task
  const tokenizerBytes = companions.get('tokenizer.json')!
  tell('tokenizer.json', tokenizerBytes.length)
  const tokenizer = tokenizerFromBytes(tokenizerBytes, companions.get('tokenizer_config.json')!)
  const sources: Source[] = []
  for (const dataset of datasets) sources.push(await openSource(dataset, folder, tell))
  const options = optionsOf(task, sources)
  const parts: Tokenised[] = []
  for (const source of sources) parts.push(await tokenise(source, tokenizer, options, tell))
  for (const { examples } of parts) checkRows(examples, tokenizer, rows)
  return { sources, parts, options, tokenizer }
}

function optionsOf(
  { options, companions, template, isPacked, isRated }: DataTask,
  sources: readonly Source[],
): DatasetOptions {
  const isStream = !isPacked && sources.every(({ kind }) => kind === 'completion')
  const isTalk = sources.some((source) => source.isTalk)
  return {
    ...options,
    layout: isRated ? 'answers' : isStream ? 'stream' : 'documents',
    template: isTalk ? openChatTemplate(companions, template) : null,
  }
}
