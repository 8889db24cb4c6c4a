/**
 * What a row means, by the names that axolotl has for it:
 *
 *   completion          "a text", or {"text": "..."}
 *   prompt_completion   {"prompt": "...", "completion": "..."}
 *   alpaca              {"instruction": "...", "input": "...", "output": "..."}
 *   chat_template       {"messages": [{"role": "user", "content": "..."}, ...]}
 *   sharegpt            {"conversations": [{"from": "human", "value": "..."}, ...]}
 *
 * The kind of a dataset is that of its first row, unless run.yaml says it; every row must be of it.
 */
import { ConfigError } from '../../protocol/index.ts'
import { plainNumber } from '../exact-json.ts'
import { shown } from '../shown.ts'
import { ALPACA_FIELDS, alpacaTurns, type Turn } from './alpaca.ts'
import { BESIDE_MESSAGES, type Conversation, conversationOf, promptedOf } from './conversation.ts'
import { type Fields, isAbsent, isFields, restOf, tellsThought } from './fields.ts'
import { type BadRow, badRow, Fault, fault, type Row } from './row.ts'
import { DEFAULT_CHOICE, type TurnChoice } from './turn-keys.ts'

export const KINDS = [
  'completion',
  'prompt_completion',
  'alpaca',
  'chat_template',
  'sharegpt',
] as const
export type Kind = (typeof KINDS)[number]

const ROW_WEIGHT_MAX = 100

/**
 * What is learned: a text as a whole, the answers to prompts, turns of a conversation, or which of
 * such answers are the better ones.
 */
export type ExampleBody =
  | { type: 'text'; text: string }
  | { type: 'answer'; turns: Turn[]; isAllLearned?: true }
  | ({ type: 'chat' } & Conversation)
  | { type: 'rated'; answers: readonly { example: Example; isRejected: boolean }[] }

/** `name`: where it was found; `aside`: the fields of its row that mean nothing here. */
export type Example = {
  name: string
  aside: readonly string[]
  /** How often an epoch has it; left out: once. */
  weight?: number
} & ExampleBody

interface KindRules {
  /** Fields by which a row shows that it is of this kind. */
  shows: readonly string[]
  /** How a row looks, for whoever got it wrong. */
  looks: string
  /** What `read` looks at. */
  used: readonly string[]
  read(row: Fields, choice: TurnChoice): ExampleBody | Fault
}

const RULES: Readonly<Record<Kind, KindRules>> = {
  completion: {
    shows: ['text'],
    looks: "a text, or an object with the text 'text'",
    used: ['text'],
    read: ({ text }) =>
      typeof text === 'string' ? { type: 'text', text } : fault('text', 'a text', text),
  },
  prompt_completion: {
    shows: ['prompt', 'completion'],
    looks: "an object with the texts 'prompt' and 'completion'",
    used: ['prompt', 'completion'],
    read(row, choice) {
      const { prompt, completion } = row
      if (typeof prompt !== 'string') return fault('prompt', 'a text', prompt)
      if (typeof completion !== 'string') return fault('completion', 'a text', completion)
      return answers([{ prompt, answer: completion }], choice)
    },
  },
  alpaca: {
    shows: ['instruction', 'output'],
    looks: "an object with the texts 'instruction' and 'output'",
    used: ALPACA_FIELDS,
    read(row, choice) {
      const turns = alpacaTurns(row)
      return turns instanceof Fault ? turns : answers(turns, choice)
    },
  },
  chat_template: {
    shows: ['messages'],
    looks: "an object with 'messages', a list of objects with 'role' and 'content'",
    used: ['messages', ...BESIDE_MESSAGES],
    read: (row, choice) => chat(conversationOf(row, 'messages', choice)),
  },
  sharegpt: {
    shows: ['conversations'],
    looks: "an object with 'conversations', a list of objects with 'from' and 'value'",
    used: ['conversations', ...BESIDE_MESSAGES],
    read: (row, choice) => chat(conversationOf(row, 'conversations', choice)),
  },
}

/** TRL's conversational pairs; they are of the kind prompt_completion. */
const PROMPTED: Pick<KindRules, 'used' | 'read'> = {
  used: ['prompt', 'completion', ...BESIDE_MESSAGES],
  read: (row, choice) => chat(promptedOf(row, choice)),
}

function chat(read: Conversation | Fault): ExampleBody | Fault {
  return read instanceof Fault ? read : Object.assign({ type: 'chat' as const }, read)
}

const answers = (turns: Turn[], { isAll }: TurnChoice): ExampleBody =>
  isAll ? { type: 'answer', turns, isAllLearned: true } : { type: 'answer', turns }

/** @throws ConfigError when the row is of no kind that we know */
export function detectKind({ name, value }: Row): Kind {
  if (typeof value === 'string') return 'completion'
  const row = isFields(value) ? value : {}
  // The most telling first: a row of messages may have a text beside.
  const kind = [...KINDS].reverse().find((one) => RULES[one].shows.every((key) => key in row))
  if (kind !== undefined) return kind
  if ('chosen' in row && 'rejected' in row) {
    throw new ConfigError(
      `Cannot learn from ${name} as it tells which of two answers is the better: ` +
        "set 'rl' to learn that, as 'rl: dpo', or give the chosen ones alone, as 'messages', or " +
        "as 'prompt' and 'completion'",
    )
  }
  const looks = KINDS.map((one) => `\n  ${one.padEnd(18)} ${RULES[one].looks}`)
  throw new ConfigError(
    `Cannot tell what ${name} is as it must be one of:${looks.join('')}\n` +
      `current value is ${shown(value)}`,
  )
}

/**
 * @param leaveAside fields that are not to be looked at, of rows and of their messages
 * @param choice which turns are learned
 */
export function exampleOf(
  kind: Kind,
  { name, value }: Row,
  leaveAside: readonly string[] = [],
  choice = DEFAULT_CHOICE,
): Example | BadRow {
  if (typeof value === 'string' && kind === 'completion') {
    return { name, aside: [], type: 'text', text: value }
  }
  const rules = RULES[kind]
  if (!isFields(value) || !rules.shows.every((key) => key in value)) {
    const must = `a row of type '${kind}' must be ${rules.looks}`
    return badRow(name, new Fault(`${must}: current value is ${shown(value)}`))
  }
  const { weight: given, ...unweighed } = value
  const weight = leaveAside.includes('weight') ? 1 : weightOf(given)
  if (weight instanceof Fault) return badRow(name, weight)
  const row = without(unweighed, leaveAside)
  const isPrompted = kind === 'prompt_completion' && Array.isArray(row.prompt)
  const { used, read } = isPrompted ? PROMPTED : rules
  const rest = restOf(row, used, kind === 'completion')
  if (rest instanceof Fault) return badRow(name, rest)
  const body = read(row, choice)
  if (body instanceof Fault) return badRow(name, body)
  // Thoughts may have become a field only now.
  const said = body.type === 'chat' ? { messages: body.messages } : {}
  Object.assign(body, without(said, leaveAside.filter(tellsThought)))
  const isAside = (field: string) => hasField(value, field) || hasField(said, field)
  const aside = rest.concat(leaveAside.filter(isAside))
  return Object.assign(weight === 1 ? { name, aside } : { name, aside, weight }, body)
}

/** Tables have it as a number of any kind, or as its text. */
function weightOf(weight: unknown): number | Fault {
  if (isAbsent('weight', weight)) return 1
  const given = plainNumber(weight)
  const isNumber = ['number', 'bigint', 'string'].includes(typeof given)
  const times = isNumber && String(given).trim() !== '' ? Number(given) : Number.NaN
  if (times >= 0 && times <= ROW_WEIGHT_MAX) return times
  return fault('weight', `a number from 0 to ${ROW_WEIGHT_MAX}`, weight)
}

/** Whether the row has it, or one of its messages. */
const hasField = (row: Fields, field: string): boolean =>
  field in row ||
  Object.values(row).some(
    (value) => Array.isArray(value) && value.some((one) => isFields(one) && field in one),
  )

function without(row: Fields, leaveAside: readonly string[]): Fields {
  if (leaveAside.length === 0) return row
  const kept = (fields: Fields) =>
    Object.fromEntries(Object.entries(fields).filter(([key]) => !leaveAside.includes(key)))
  const entries = Object.entries(kept(row)).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.map((one) => (isFields(one) ? kept(one) : one)) : value,
  ])
  return Object.fromEntries(entries)
}
