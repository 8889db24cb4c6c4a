/** Words that a tokenizer has and its base has not: people add some, and leave the model alone. */
import { ConfigError } from '../../protocol/index.ts'
import type { TokenisedExample } from '../dataset/tokenise.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'

/** @throws ConfigError that names the first example with a token that the base has no row for */
export function checkRows(
  examples: readonly TokenisedExample[],
  tokenizer: TextTokenizer,
  rows: number,
): void {
  for (const { name, ids } of examples) {
    const id = ids.find((one) => one >= rows)
    if (id === undefined) continue
    throw new ConfigError(
      `Cannot train on ${name} as it has the token ${JSON.stringify(tokenizer.decode([id]))}, ` +
        `whose id is ${id}: the base has rows for ids below ${rows}. Its tokenizer was given ` +
        "more words: resize the model's embeddings to it, or take another 'chat_template' or base.",
    )
  }
}
