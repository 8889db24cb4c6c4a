/**
 * Which tokens end an answer: the end of a text, what generation_config.json names, and the end
 * that the chat template gives a turn. Many bases end a text with one token and a turn with
 * another; who waits for the first alone hears the model go on with both sides of the talk.
 */
import { z } from 'zod'
import { VOCABULARY_MAX } from '../../protocol/index.ts'
import type { ChatTemplate } from './chat-template.ts'
import { parseJson } from './json.ts'
import type { TextTokenizer } from './tokenizer.ts'

const id = z
  .int()
  .min(0)
  .max(VOCABULARY_MAX - 1)
const configSchema = z.looseObject({ eos_token_id: z.union([id, z.array(id).max(1000)]).nullish() })

/** The first that is there counts, as in transformers. */
const CONFIG_FILES = ['generation_config.json', 'config.json']

/**
 * @param companions the model's files by name
 * @param template null: the model was not made to chat
 * @throws ModelError when a file is broken
 */
export function withStops(
  tokenizer: TextTokenizer,
  companions: ReadonlyMap<string, Uint8Array>,
  template: ChatTemplate | null,
): TextTokenizer {
  const end = template === null ? null : turnEnd(tokenizer, template)
  const stopIds = new Set([...tokenizer.stopIds, ...namedStops(companions)])
  if (end !== null) stopIds.add(end)
  return { ...tokenizer, stopIds: [...stopIds] }
}

function namedStops(companions: ReadonlyMap<string, Uint8Array>): number[] {
  const title = CONFIG_FILES.find((name) => companions.has(name))
  if (title === undefined) return []
  const { eos_token_id: ids } = parseJson(companions.get(title)!, title, configSchema)
  return [ids ?? []].flat()
}

/** A private character of Unicode, which stands for what is said. */
const SAID = '\u{10fffd}'

/** The token with which a template ends the assistant's turn; null: it ends it in words. */
export function turnEnd(tokenizer: TextTokenizer, template: ChatTemplate): number | null {
  const [, ending = ''] = rendered(template)?.split(SAID) ?? []
  for (const token of tokenizer.encode(ending)) {
    if (tokenizer.addedIds.has(token)) return token
    if (tokenizer.decode([token]).trim() !== '') return null
  }
  return null
}

/** Null: there are templates that refuse the shortest talk, too. */
function rendered(template: ChatTemplate): string | null {
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: SAID },
  ]
  try {
    return template.render(messages, false)
  } catch {
    return null
  }
}
