/**
 * A talk with a model, as the ids that it reads: in the words of its chat template where it has
 * one, else text that goes on. Runs in a browser as in Node.
 */
import type { ChatMessage, ChatTemplate } from './chat-template.ts'
import type { TextTokenizer } from './tokenizer.ts'

export interface Talk {
  /** The ids of all that was said so far, up to where the answer begins. */
  say(line: string): Int32Array
  answered(text: string): void
}

export interface TalkOptions {
  tokenizer: TextTokenizer
  /** Null: plain text that goes on. */
  template: ChatTemplate | null
  /** What is said before all else. */
  system?: string | undefined
}

export function createTalk({ tokenizer, template, system }: TalkOptions): Talk {
  if (template === null) {
    let said = system === undefined ? '' : `${system}\n`
    return {
      say: (line) => {
        said += line
        return tokenizer.encodeWhole(said)
      },
      answered: (text) => {
        said += `${text}\n`
      },
    }
  }
  const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }]
  return {
    say: (line) => {
      messages.push({ role: 'user', content: line })
      return tokenizer.encode(template.render(messages, true))
    },
    answered: (text) => messages.push({ role: 'assistant', content: text }),
  }
}
