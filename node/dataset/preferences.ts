/**
 * Rows that tell which answers are the better ones:
 *
 *   pair     {"prompt": ..., "chosen": ..., "rejected": ...}, texts or lists of messages; the
 *            prompt may be left out, and is then what chosen and rejected begin with alike; or be
 *            called "messages", where chosen and rejected may be a message each
 *   rating   {"prompt": ..., "completion": ..., "label": true}
 *
 * Each answer is read as a row of type prompt_completion, with its prompt.
 * Sources: TRL, "Dataset formats and types", and `extract_prompt`; axolotl, prompt_strategies/dpo.
 */
import { ConfigError } from '../../protocol/index.ts'
import { plainNumber } from '../exact-json.ts'
import { shown } from '../shown.ts'
import { type Fields, isAbsent, isFields } from './fields.ts'
import { type Example, exampleOf } from './kinds.ts'
import { type BadRow, badRow, Fault, fault, isBad, type Row } from './row.ts'
import { parsed } from './tools.ts'

/** What a row tells: which of two answers is the better, or whether one is good. */
export type RatedKind = 'pair' | 'rating'

/** @throws ConfigError when the row is of neither kind */
export function detectRated({ name, value }: Row): RatedKind {
  const kind = shownKind(value)
  if (kind !== null) return kind
  throw new ConfigError(
    `Cannot tell what ${name} is as 'rl' learns from objects with 'prompt', 'chosen' and ` +
      `'rejected', or with 'prompt', 'completion' and 'label': current value is ${shown(value)}`,
  )
}

/** What a row rates; null: nothing, as a 'label' may be the name of a class. */
export function ratedKindOf({ value }: Row): RatedKind | null {
  const kind = shownKind(value)
  return kind === 'rating' && labelOf((value as Fields).label) === null ? null : kind
}

/** A row is of a kind by its fields. */
function shownKind(value: unknown): RatedKind | null {
  const row = isFields(value) ? value : {}
  if ('chosen' in row && 'rejected' in row) return 'pair'
  return 'completion' in row && 'label' in row ? 'rating' : null
}

/** @param leaveAside fields that are not to be looked at */
export function ratedOf(
  kind: RatedKind,
  row: Row,
  leaveAside: readonly string[] = [],
): Example | BadRow {
  return kind === 'pair' ? pairOf(row, leaveAside) : ratingOf(row, leaveAside)
}

function pairOf({ name, value }: Row, leaveAside: readonly string[]): Example | BadRow {
  if (!isFields(value)) return badRow(name, fault('chosen', 'there', undefined))
  const { prompt, chosen, rejected, ...others } = value
  const isInMessages = prompt === undefined && Array.isArray(others.messages)
  const asked = isInMessages ? others.messages : prompt
  const rest = isInMessages ? without(others, ['messages']) : others
  const parts = partsOf(asked, chosen, rejected)
  if (parts instanceof Fault) return badRow(name, parts)
  const beside = without(rest, leaveAside)
  const [better, worse] = [parts.chosen, parts.rejected].map((completion) =>
    answerOf({ name, value: { ...beside, prompt: parts.prompt, completion } }),
  ) as [Example | BadRow, Example | BadRow]
  if (isBad(better)) return better
  if (isBad(worse)) return worse
  const answers = [
    { example: better, isRejected: false },
    { example: worse, isRejected: true },
  ]
  return rated(better, answers)
}

function ratingOf({ name, value }: Row, leaveAside: readonly string[]): Example | BadRow {
  const { label, ...rest } = isFields(value) ? value : {}
  const isDesirable = labelOf(label)
  if (isDesirable === null) return badRow(name, fault('label', 'true or false', label))
  const example = answerOf({ name, value: without(rest, leaveAside) })
  if (isBad(example)) return example
  const answers = [{ example, isRejected: !isDesirable }]
  return rated(example, answers)
}

/** Both answers of a pair have the weight of their row. */
function rated(
  { name, aside, weight = 1 }: Example,
  answers: Extract<Example, { type: 'rated' }>['answers'],
): Example {
  return { name, aside, ...(weight !== 1 && { weight }), type: 'rated', answers }
}

const answerOf = (row: Row): Example | BadRow => exampleOf('prompt_completion', row)

/** Tables have 0 and 1, some of them as bigint. */
function labelOf(label: unknown): boolean | null {
  const value = plainNumber(label)
  if (value === true || value === 1 || value === 1n) return true
  return value === false || value === 0 || value === 0n ? false : null
}

interface Parts {
  prompt: unknown
  chosen: unknown
  rejected: unknown
}

/** Texts, or lists of messages, of which the prompt is taken apart. */
function partsOf(prompt: unknown, chosen: unknown, rejected: unknown): Parts | Fault {
  const asked = listOf(prompt)
  const [one, other] = [messageOf(chosen), messageOf(rejected)]
  if (asked !== null && one !== null && other !== null) return withAnswers(asked, [one], [other])
  if (isText(chosen) && isText(rejected)) {
    return ofTexts(prompt, chosen, rejected)
  }
  const [better, worse] = [listOf(chosen), listOf(rejected)]
  if (better === null) {
    const must = worse === null ? 'a text or a list of messages' : 'a list of messages, as rejected'
    return fault('chosen', must, chosen)
  }
  if (worse === null) return fault('rejected', 'what chosen is, a list of messages', rejected)
  return ofMessages(prompt, better, worse)
}

/** What answers messages may be a message, or what it says. */
function messageOf(value: unknown): Fields | null {
  if (typeof value !== 'string') return isFields(value) ? value : null
  return isText(value) ? { role: 'assistant', content: value } : null
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && listOf(value) === null

/** A text is one where it is JSON of messages; any other list in JSON is what somebody says. */
function listOf(value: unknown): unknown[] | null {
  if (typeof value !== 'string') return Array.isArray(value) ? value : null
  const list = parsed(value)
  return Array.isArray(list) && list.length > 0 && list.every(isMessage) ? list : null
}

const isMessage = (value: unknown): boolean =>
  isFields(value) &&
  (('role' in value && 'content' in value) || ('from' in value && 'value' in value))

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
