/**
 * Examples as token ids, and which of them are learned.
 *
 * A text is learned as a whole; an answer from where its prompt ends; of a conversation what its
 * template says that the assistant writes, or else the assistant's turns, each to the end that the
 * template gives it (turns.ts). Where a template does not show where they are, the whole
 * conversation is learned, and that is told. A token that lies across the border of what is
 * learned, is learned.
 *
 * Texts and answers end with eos, once, and it is learned: else the model would not know when to
 * stop. A conversation gets no other end than its template's, and no other begin.
 */
import type { ChatMessage, ChatTemplate } from '../model/chat-template.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import type { Turn } from './alpaca.ts'
import type { Conversation } from './conversation.ts'
import { type FieldUse, newFieldUse, noteFields, unsaidIn } from './field-use.ts'
import type { Fields } from './fields.ts'
import type { Example } from './kinds.ts'
import { mayBeWhole, placesOf } from './learned-places.ts'
import { type BadRow, badRow, Fault, isBad } from './row.ts'
import { withParsedCalls } from './tools.ts'
import { sharedLength, type Talk } from './turns.ts'

export type Tokeniser = Pick<TextTokenizer, 'encode' | 'encodeWhole' | 'eosId' | 'vocabSize'>

export interface TokenisedExample {
  name: string
  type: Example['type']
  ids: Int32Array
  /** 1: the token is learned. */
  learned: Uint8Array
  /** Its template does not show where answers are: everything is learned. */
  isWhole: boolean
  /** How often an epoch has it; left out: once. */
  weight?: number
  /** The answers that are in `ids`, one after the other, where they are rated. */
  answers?: readonly { length: number; isRejected: boolean }[]
}

/** @returns null where there is nothing but white space, or nothing that is learned */
export function tokeniseExample(
  example: Example,
  tokeniser: Tokeniser,
  template: ChatTemplate | null,
  use: FieldUse = newFieldUse(),
): TokenisedExample | BadRow | null {
  const { weight = 1 } = example
  if (weight === 0) return null
  const tokens = tokenised(example, tokeniser, template, use)
  return tokens === null || isBad(tokens) || weight === 1 ? tokens : { ...tokens, weight }
}

function tokenised(
  example: Example,
  tokeniser: Tokeniser,
  template: ChatTemplate | null,
  use: FieldUse,
): TokenisedExample | BadRow | null {
  const { name, type } = example
  switch (type) {
    case 'rated':
      return tokeniseRated(example, tokeniser, template, use)
    case 'text': {
      if (example.text.trim() === '') return null
      const ids = ended(tokeniser.encodeWhole(example.text), tokeniser)
      return { name, type, ids, learned: new Uint8Array(ids.length).fill(1), isWhole: false }
    }
    case 'answer': {
      if (example.turns.at(-1)!.answer.trim() === '') return null
      const { ids, learned } = tokeniseTurns(example.turns, tokeniser)
      if (example.isAllLearned) learned.fill(1)
      return { name, type, ids, learned, isWhole: false }
    }
    case 'chat': {
      if (!example.learned.includes(true)) return null
      if (template === null) {
        return badRow(name, new Fault('the rows before it are no conversations, as it is'))
      }
      const chat = tokeniseChat(example, tokeniser, template, use)
      if (chat instanceof Fault) return badRow(name, chat)
      return chat === null ? null : Object.assign({ name, type }, chat)
    }
  }
}

type Tokens = Pick<TokenisedExample, 'ids' | 'learned'>

/** Whether two answers have the same tokens, and the same of them is learned. */
export const areAlike = (one: Tokens, other: Tokens): boolean =>
  one.ids.length === other.ids.length &&
  one.ids.every((id, i) => id === other.ids[i] && one.learned[i] === other.learned[i])

/** Nothing is left of what is rated where an answer has nothing that is learned. */
function tokeniseRated(
  { name, type, answers }: Extract<Example, { type: 'rated' }>,
  tokeniser: Tokeniser,
  template: ChatTemplate | null,
  use: FieldUse,
): TokenisedExample | BadRow | null {
  const all: TokenisedExample[] = []
  for (const { example } of answers) {
    const tokens = tokeniseExample(example, tokeniser, template, use)
    if (tokens === null || isBad(tokens)) return tokens
    if (tokens.isWhole) {
      return badRow(name, new Fault('the chat template must show where answers are'))
    }
    all.push(tokens)
  }
  const [one, other] = all
  if (one !== undefined && other !== undefined && areAlike(one, other)) {
    return badRow(
      name,
      new Fault('its answers must differ in what is learned: their tokens are alike'),
    )
  }
  const joined = (parts: (Int32Array | Uint8Array)[]) => parts.flatMap((part) => [...part])
  return {
    name,
    type,
    ids: Int32Array.from(joined(all.map(({ ids }) => ids))),
    learned: Uint8Array.from(joined(all.map(({ learned }) => learned))),
    isWhole: false,
    answers: all.map(({ ids }, i) => ({
      length: ids.length,
      isRejected: answers[i]!.isRejected,
    })),
  }
}

/** Each answer has its end, after which the next turn begins. */
function tokeniseTurns(turns: readonly Turn[], tokeniser: Tokeniser): Tokens {
  const parts = turns.map(({ prompt, answer }, i) => {
    const encode = i === 0 ? tokeniser.encodeWhole : tokeniser.encode
    const ids = ended(encode(prompt + answer), tokeniser)
    return { ids, from: sharedLength(ids, encode(prompt)) }
  })
  const length = parts.reduce((sum, { ids }) => sum + ids.length, 0)
  const all: Tokens = { ids: new Int32Array(length), learned: new Uint8Array(length) }
  let at = 0
  for (const { ids, from } of parts) {
    all.ids.set(ids, at)
    all.learned.fill(1, at + from, at + ids.length)
    at += ids.length
  }
  return all
}

type Chat = Omit<Conversation, 'messages'> & { name: string; messages: readonly ChatMessage[] }

function tokeniseChat(
  chat: Chat,
  { encode }: Tokeniser,
  template: ChatTemplate,
  use: FieldUse,
): (Tokens & { isWhole: boolean }) | Fault | null {
  const talk = writtenBy(template, chat)
  if (talk instanceof Fault) return talk
  const { messages, whole } = talk
  const parts = { messages, learned: chat.learned, variables: chat.variables, whole }
  const changes = (others: readonly ChatMessage[], variables: Fields) =>
    written(template, others, false, variables) !== whole
  const unsaid = unsaidIn(use, chat.name, parts, changes)
  if (unsaid !== null) return unsaid
  noteFields(use, chat.name, parts, changes)
  const ids = encode(whole)
  const learned = new Uint8Array(ids.length)
  const places = placesOf(chat, talk, template)
  if (places === null) {
    if (mayBeWhole(chat)) return { ids, learned: learned.fill(1), isWhole: true }
    return new Fault(
      'the chat template must show where answers are and end, since not all of it is learned',
    )
  }
  for (const place of places) {
    const [from, to] = place.map((at) => sharedLength(ids, encode(whole.slice(0, at))))
    learned.fill(1, from, to)
  }
  return learned.includes(1) ? { ids, learned, isWhole: false } : null
}

/** Templates want arguments of calls as objects, or as texts: the first are more. */
function writtenBy(template: ChatTemplate, { messages, variables }: Chat): Talk | Fault {
  const parsed = withParsedCalls(messages)
  let reason = ''
  for (const all of parsed === null ? [messages] : [parsed, messages]) {
    try {
      const whole = template.render(all, false, variables)
      const write: Talk['write'] = (some, opens) => written(template, some, opens, variables)
      return { messages: all, whole, write }
    } catch (error) {
      reason = (error as Error).message
    }
  }
  return new Fault(`the chat template must take it: ${reason}`)
}

function written(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  opens: boolean,
  variables: Fields,
): string | null {
  try {
    return template.render(messages, opens, variables)
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
