/** Sources read and cut in one thread; a run reads in a thread of its own (`node/setup`). */
import {
  cutDataset,
  type DatasetOptions,
  type PreparedDataset,
} from '../../node/dataset/prepare.ts'
import type { Source } from '../../node/dataset/sources.ts'
import type { Tokeniser } from '../../node/dataset/tokenise.ts'
import { type Tokenised, tokenise } from '../../node/dataset/tokenised.ts'

export async function prepareDataset(
  sources: readonly Pick<Source, 'examples' | 'leftOut'>[],
  tokenizer: Tokeniser,
  options: DatasetOptions,
): Promise<PreparedDataset> {
  const parts: Tokenised[] = []
  for (const source of sources) parts.push(await tokenise(source, tokenizer, options))
  return cutDataset(parts, tokenizer, options)
}
