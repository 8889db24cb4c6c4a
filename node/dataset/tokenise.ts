/**
 * Examples as token ids, and which of them are learned.
 *
 * A text is learned as a whole; an answer from where its prompt ends; of a conversation the turns
 * of the assistant, to the end that its template gives them. Where a turn begins is told by tokens:
 * those of the conversation so far, up to where the assistant's turn opens, must begin those of the
 * whole. Where they do not, as a template may look ahead, the whole conversation is learned, and
 * that is told. Texts and answers end with eos, which is learned too; a conversation ends as its
 * template ends it.
 */
import type { ChatTemplate } from '../model/chat-template.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import type { Example, Message } from './kinds.ts'

export type Tokeniser = Pick<TextTokenizer, 'encode' | 'encodeWhole' | 'eosId' | 'vocabSize'>

export interface TokenisedExample {
  name: string
  type: Example['type']
  ids: Int32Array
  /** 1: the token is learned. */
  learned: Uint8Array
  /** Its template looks ahead: everything is learned. */
  isWhole: boolean
}

/** Null: nothing but white space, or nothing that is learned. */
export function tokeniseExample(
  example: Example,
  tokeniser: Tokeniser,
  template: ChatTemplate | null,
): TokenisedExample | null {
  const { name, type } = example
  switch (type) {
    case 'text': {
      if (example.text.trim() === '') return null
      const ids = ended(tokeniser.encodeWhole(example.text), tokeniser)
      return { name, type, ids, learned: new Uint8Array(ids.length).fill(1), isWhole: false }
    }
    case 'answer': {
      if (example.answer.trim() === '') return null
      const ids = ended(tokeniser.encodeWhole(example.prompt + example.answer), tokeniser)
      const prompt = tokeniser.encodeWhole(example.prompt)
      const learned = new Uint8Array(ids.length).fill(1, sharedLength(ids, prompt))
      return { name, type, ids, learned, isWhole: false }
    }
    case 'chat': {
      const chat = tokeniseChat(example.messages, tokeniser, template!)
      return chat === null ? null : { name, type, ...chat }
    }
  }
}

function tokeniseChat(messages: readonly Message[], { encode }: Tokeniser, template: ChatTemplate) {
  const ids = encode(template.render(messages, false))
  const learned = new Uint8Array(ids.length)
  for (const [turn, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    const opened = encode(template.render(messages.slice(0, turn), true))
    const closed = encode(template.render(messages.slice(0, turn + 1), false))
    const [from, to] = [sharedLength(ids, opened), sharedLength(ids, closed)]
    if (from < opened.length || to < closed.length) {
      return { ids, learned: learned.fill(1), isWhole: true }
    }
    learned.fill(1, from, to)
  }
  return learned.includes(1) ? { ids, learned, isWhole: false } : null
}

function ended(ids: Int32Array, { eosId }: Tokeniser): Int32Array {
  const whole = new Int32Array(ids.length + 1).fill(eosId)
  whole.set(ids)
  return whole
}

/** How many ids the two begin with alike. */
function sharedLength(ids: Int32Array, prefix: Int32Array): number {
  let length = 0
  while (length < prefix.length && ids[length] === prefix[length]) length++
  return length
}
