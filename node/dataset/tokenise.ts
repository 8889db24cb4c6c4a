/**
 * Examples as token ids, and which of them are learned.
 *
 * A text is learned as a whole; an answer from where its prompt ends; of a conversation the turns
 * of the assistant, each to the end that its template gives it. A turn goes from where the template
 * would let the assistant begin, given the conversation before it, to where the conversation with
 * it ends. Both must begin the whole conversation; where one does not, as a template may look ahead
 * (Qwen3 writes thoughts into the last turn only), a mark in place of what is said shows the turn.
 * Where that fails, too, the whole conversation is learned, and that is told. A token that lies
 * across the border of what is learned, is.
 *
 * Texts and answers end with eos, once, and it is learned: else the model would not know when to
 * stop. A conversation gets no other end than its template's, and no other begin.
 */
import { ConfigError } from '../../protocol/errors.ts'
import type { ChatMessage, ChatTemplate } from '../model/chat-template.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import type { Example } from './kinds.ts'

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

/**
 * Null: nothing but white space, or nothing that is learned.
 * @throws ConfigError that names the row whose conversation its template refuses
 */
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
      const chat = tokeniseChat(example, tokeniser, template!)
      return chat === null ? null : { name, type, ...chat }
    }
  }
}

function tokeniseChat(
  { name, messages }: { name: string; messages: readonly ChatMessage[] },
  { encode }: Tokeniser,
  template: ChatTemplate,
): Pick<TokenisedExample, 'ids' | 'learned' | 'isWhole'> | null {
  const whole = renderAll(name, messages, template)
  const ids = encode(whole)
  const learned = new Uint8Array(ids.length)
  for (const [turn, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    const place = placeOf(turn, messages, whole, template)
    if (place === null) return { ids, learned: learned.fill(1), isWhole: true }
    const [from, to] = place.map((at) => sharedLength(ids, encode(whole.slice(0, at))))
    learned.fill(1, from, to)
  }
  return learned.includes(1) ? { ids, learned, isWhole: false } : null
}

type Place = [from: number, to: number]

/** From where to where of the whole an assistant's turn goes; null: its template hides it. */
function placeOf(
  turn: number,
  messages: readonly ChatMessage[],
  whole: string,
  template: ChatTemplate,
): Place | null {
  const opened = rendered(messages.slice(0, turn), true, template)
  const closed = rendered(messages.slice(0, turn + 1), false, template)
  const opens = opened !== null && whole.startsWith(opened)
  const closes = closed !== null && whole.startsWith(closed)
  if (opens && closes) return [opened.length, closed.length]
  const found = placeByMark(turn, messages, whole, template)
  if (found === null) return null
  return [opens ? opened.length : found[0], closes ? closed.length : found[1]]
}

/** A private character of Unicode. */
const MARK = '\u{10fffd}'

/**
 * Where the template writes a mark that stands for what is said, up to the end that it gives a turn
 * which is the last.
 */
function placeByMark(
  turn: number,
  messages: readonly ChatMessage[],
  whole: string,
  template: ChatTemplate,
): Place | null {
  const marked = messages.map((said, i) => (i === turn ? { ...said, content: MARK } : said))
  const [before, after] = rendered(marked, false, template)?.split(MARK) ?? []
  const [, ending] = rendered(marked.slice(0, turn + 1), false, template)?.split(MARK) ?? []
  if (before === undefined || after === undefined || ending === undefined) return null
  const end = whole.length - after.length
  if (!whole.startsWith(before) || !whole.endsWith(after) || end < before.length) return null
  return [before.length, end + sharedLength(after, ending)]
}

function renderAll(name: string, messages: readonly ChatMessage[], template: ChatTemplate): string {
  try {
    return template.render(messages, false)
  } catch (error) {
    throw new ConfigError(`Cannot read ${name}: ${(error as Error).message}`)
  }
}

/** Null: some templates refuse what does not begin, or end, as they like. */
function rendered(
  messages: readonly ChatMessage[],
  opens: boolean,
  template: ChatTemplate,
): string | null {
  try {
    return template.render(messages, opens)
  } catch {
    return null
  }
}

/** Some tokenizers end a text themselves. */
function ended(ids: Int32Array, { eosId }: Tokeniser): Int32Array {
  if (ids.at(-1) === eosId) return ids
  const whole = new Int32Array(ids.length + 1).fill(eosId)
  whole.set(ids)
  return whole
}

/** How many ids, or characters, the two begin with alike. */
function sharedLength<T extends string | Int32Array>(whole: T, prefix: T): number {
  let length = 0
  while (length < prefix.length && whole[length] === prefix[length]) length++
  return length
}
