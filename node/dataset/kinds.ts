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
import { z } from 'zod'
import { ConfigError } from '../../protocol/errors.ts'
import type { ChatMessage } from '../model/chat-template.ts'
import type { Row } from './rows.ts'

export const KINDS = [
  'completion',
  'prompt_completion',
  'alpaca',
  'chat_template',
  'sharegpt',
] as const
export type Kind = (typeof KINDS)[number]

/** What is learned: a text as a whole, an answer to a prompt, or an assistant's turns. */
export type ExampleBody =
  | { type: 'text'; text: string }
  | { type: 'answer'; prompt: string; answer: string }
  | { type: 'chat'; messages: ChatMessage[] }
/** `name`: where it was found. */
export type Example = { name: string } & ExampleBody

/** Messages of one conversation; a longer one is cut by hand. */
const MESSAGES_MAX = 1000

const text = z.looseObject({ text: z.string() })
const pair = z.looseObject({ prompt: z.string(), completion: z.string() })
const alpaca = z.looseObject({
  instruction: z.string(),
  input: z.string().nullish(),
  output: z.string(),
})
const messages = z.looseObject({
  messages: z
    .array(z.looseObject({ role: z.string(), content: z.string() }))
    .min(1)
    .max(MESSAGES_MAX),
})
const conversations = z.looseObject({
  conversations: z
    .array(z.looseObject({ from: z.string(), value: z.string() }))
    .min(1)
    .max(MESSAGES_MAX),
})

/** What ShareGPT, and axolotl after it, calls those who speak. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ['human', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['bing', 'assistant'],
])

function said(by: string, content: string): ChatMessage {
  return { role: ROLES.get(by) ?? by, content }
}

/** How each kind looks, for whoever got it wrong. */
const LOOKS: Readonly<Record<Kind, string>> = {
  completion: "a text, or an object with a string 'text'",
  prompt_completion: "an object with the strings 'prompt' and 'completion'",
  alpaca: "an object with the strings 'instruction' and 'output'",
  chat_template: "an object with 'messages', a list of objects with 'role' and 'content'",
  sharegpt: "an object with 'conversations', a list of objects with 'from' and 'value'",
}

type Reader = (value: unknown) => ExampleBody | null

const READERS: Readonly<Record<Kind, Reader>> = {
  completion(value) {
    if (typeof value === 'string') return { type: 'text', text: value }
    const { data } = text.safeParse(value)
    return data === undefined ? null : { type: 'text', text: data.text }
  },
  prompt_completion(value) {
    const { data } = pair.safeParse(value)
    if (data === undefined) return null
    return { type: 'answer', prompt: data.prompt, answer: data.completion }
  },
  alpaca(value) {
    const { data } = alpaca.safeParse(value)
    if (data === undefined) return null
    return { type: 'answer', prompt: alpacaPrompt(data), answer: data.output }
  },
  chat_template(value) {
    const { data } = messages.safeParse(value)
    if (data === undefined) return null
    return { type: 'chat', messages: data.messages.map(({ role, content }) => said(role, content)) }
  },
  sharegpt(value) {
    const { data } = conversations.safeParse(value)
    if (data === undefined) return null
    return {
      type: 'chat',
      messages: data.conversations.map(({ from, value }) => said(from, value)),
    }
  },
}

/** @throws ConfigError when the row is of no kind that we know */
export function detectKind({ name, value }: Row): Kind {
  // The most telling first: a row of pairs may have a text beside.
  const kind = [...KINDS].reverse().find((kind) => READERS[kind](value) !== null)
  if (kind !== undefined) return kind
  const looks = KINDS.map((kind) => `\n  ${kind.padEnd(18)} ${LOOKS[kind]}`)
  throw new ConfigError(`Cannot tell what ${name} is as it must be one of:${looks.join('')}`)
}

/** @throws ConfigError that names the row which is not of its dataset's kind */
export function exampleOf(kind: Kind, { name, value }: Row): Example {
  const example = READERS[kind](value)
  if (example !== null) return { name, ...example }
  throw new ConfigError(
    `Cannot read ${name} as a row of type '${kind}' must be ${LOOKS[kind]}: ` +
      `current value is ${shortened(value)}`,
  )
}

const SHOWN_LENGTH = 80

function shortened(value: unknown): string {
  const json = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part))
  return json.length > SHOWN_LENGTH ? `${json.slice(0, SHOWN_LENGTH)}…` : json
}

/** Source: Taori et al. 2023, Stanford Alpaca: the two prompts that its models are trained on. */
function alpacaPrompt({ instruction, input }: z.infer<typeof alpaca>): string {
  const isAlone = input === null || input === undefined || input.trim() === ''
  const paired = isAlone ? '' : ', paired with an input that provides further context'
  return [
    `Below is an instruction that describes a task${paired}. ` +
      'Write a response that appropriately completes the request.',
    `### Instruction:\n${instruction}`,
    ...(isAlone ? [] : [`### Input:\n${input}`]),
    '### Response:\n',
  ].join('\n\n')
}
