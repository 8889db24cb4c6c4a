/**
 * Rows that tell which answers are the better ones, as tokens of which the answers are marked:
 *
 *   pairs   {"prompt": ..., "chosen": ..., "rejected": ...}, texts or lists of messages; the prompt
 *           may be left out, and is then what chosen and rejected begin with alike
 *   rated   {"prompt": ..., "completion": ..., "label": true}
 *
 * Each answer is read as a row of type prompt_completion, with its prompt.
 * Source: TRL, "Dataset formats and types", and `extract_prompt`.
 */
import { plainNumber } from '../exact-json.ts'
import type { ChatTemplate } from '../model/chat-template.ts'
import { type Fields, isAbsent, isFields } from './fields.ts'
import { exampleOf } from './kinds.ts'
import { type BadRow, badRow, Fault, fault, isBad, type Row } from './row.ts'
import { type TokenisedExample, type Tokeniser, tokeniseExample } from './tokenise.ts'
import { parsed } from './tools.ts'

/** `learned` marks the answer, with its end. */
type Answer = Pick<TokenisedExample, 'ids' | 'learned'>

/** `aside`: the fields of its row that mean nothing here. */
interface Told {
  name: string
  aside: readonly string[]
}

export interface PreferencePair extends Told {
  chosen: Answer
  rejected: Answer
}

export interface RatedExample extends Told {
  answer: Answer
  isDesirable: boolean
}

export interface PreferenceOptions {
  tokeniser: Tokeniser
  /** How conversations are written; null: there are none. */
  template: ChatTemplate | null
  /** Fields that are not to be looked at. */
  leaveAside?: readonly string[]
}

/** @returns null where an answer has nothing to learn */
export function preferencePairOf(
  { name, value }: Row,
  options: PreferenceOptions,
): PreferencePair | BadRow | null {
  const { leaveAside = [] } = options
  if (!isFields(value)) return badRow(name, fault('chosen', 'there', undefined))
  const { prompt, chosen, rejected, ...rest } = value
  const parts = partsOf(prompt, chosen, rejected)
  if (parts instanceof Fault) return badRow(name, parts)
  const beside = without(rest, leaveAside)
  const answers = [parts.chosen, parts.rejected].map((completion) =>
    answerOf({ name, value: { ...beside, prompt: parts.prompt, completion } }, options),
  )
  const bad = answers.find((one) => one !== null && isBad(one))
  if (bad !== undefined) return bad as BadRow
  const [better, worse] = answers as (ReadAnswer | null)[]
  if (better == null || worse == null) return null
  return { name, aside: better.aside, chosen: better.answer, rejected: worse.answer }
}

/** @returns null where the answer has nothing to learn */
export function ratedExampleOf(
  { name, value }: Row,
  options: PreferenceOptions,
): RatedExample | BadRow | null {
  const { label, ...rest } = isFields(value) ? value : {}
  const isDesirable = ratingOf(label)
  if (isDesirable === null) return badRow(name, fault('label', 'true or false', label))
  const read = answerOf({ name, value: without(rest, options.leaveAside ?? []) }, options)
  return read === null || isBad(read) ? read : { name, ...read, isDesirable }
}

/** Tables have 0 and 1, some of them as bigint. */
function ratingOf(label: unknown): boolean | null {
  const value = plainNumber(label)
  if (value === true || value === 1 || value === 1n) return true
  return value === false || value === 0 || value === 0n ? false : null
}

interface ReadAnswer {
  answer: Answer
  aside: readonly string[]
}

function answerOf(
  row: Row,
  { tokeniser, template }: PreferenceOptions,
): ReadAnswer | BadRow | null {
  const example = exampleOf('prompt_completion', row)
  if (isBad(example)) return example
  const tokens = tokeniseExample(example, tokeniser, template)
  if (tokens === null || isBad(tokens)) return tokens
  const { ids, learned, isWhole } = tokens
  if (!isWhole) return { answer: { ids, learned }, aside: example.aside }
  return badRow(row.name, new Fault('the chat template must show where answers are'))
}

interface Parts {
  prompt: unknown
  chosen: unknown
  rejected: unknown
}

/** Texts, or lists of messages, of which the prompt is taken apart. */
function partsOf(prompt: unknown, chosen: unknown, rejected: unknown): Parts | Fault {
  if (typeof chosen === 'string' && typeof rejected === 'string' && !isList(chosen)) {
    return ofTexts(prompt, chosen, rejected)
  }
  const [better, worse] = [listOf(chosen), listOf(rejected)]
  if (better === null) return fault('chosen', 'a text or a list of messages', chosen)
  if (worse === null) return fault('rejected', 'what chosen is, a list of messages', rejected)
  return ofMessages(prompt, better, worse)
}

const isList = (text: string): boolean => Array.isArray(parsed(text))

function listOf(value: unknown): unknown[] | null {
  const list = typeof value === 'string' ? parsed(value) : value
  return Array.isArray(list) ? list : null
}

function ofTexts(prompt: unknown, chosen: string, rejected: string): Parts | Fault {
  if (chosen === rejected) return fault('rejected', 'another text than chosen', rejected)
  if (!isAbsent('prompt', prompt)) return { prompt, chosen, rejected }
  let shared = 0
  while (shared < chosen.length && chosen[shared] === rejected[shared]) shared++
  // A word is a token with the space before it.
  if (chosen[shared - 1] === ' ') shared--
  const shown = chosen.slice(0, shared)
  if (shown.trim() === '') return fault('prompt', 'there, or what both answers begin with', prompt)
  return { prompt: shown, chosen: chosen.slice(shared), rejected: rejected.slice(shared) }
}

function ofMessages(given: unknown, chosen: unknown[], rejected: unknown[]): Parts | Fault {
  const asked = listOf(given)
  if (asked !== null) return withAnswers(asked, chosen, rejected)
  const isSame = (i: number) => JSON.stringify(chosen[i]) === JSON.stringify(rejected[i])
  let shared = 0
  while (shared < Math.min(chosen.length, rejected.length) && isSame(shared)) shared++
  const prompt = chosen.slice(0, shared)
  // Some say what is asked once more, as a text.
  const isSaid = isAbsent('prompt', given) || prompt.some((one) => saidBy(one) === given)
  if (!isSaid) return fault('prompt', 'what one of the messages says that both begin with', given)
  return withAnswers(prompt, chosen.slice(shared), rejected.slice(shared))
}

const saidBy = (message: unknown): unknown =>
  isFields(message) ? (message.content ?? message.value) : undefined

function withAnswers(prompt: unknown[], chosen: unknown[], rejected: unknown[]): Parts | Fault {
  if (prompt.length === 0) return fault('prompt', 'a message that both begin with', undefined)
  if (JSON.stringify(chosen) === JSON.stringify(rejected)) {
    return fault('rejected', 'another answer than chosen', rejected)
  }
  if (chosen.length === 0) return fault('chosen', 'more than what rejected begins with', chosen)
  if (rejected.length === 0) return fault('rejected', 'more than what chosen begins with', rejected)
  return { prompt, chosen, rejected }
}

const without = (fields: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !names.includes(key)))
