/**
 * Which parts of a data set's conversations its chat template writes. A template says nothing when
 * it does not know a part: it is told by leaving the part out, and seeing whether that changes what
 * is written.
 *
 * What is said in each turn, and each call, has to be written where it stands, and so has a field
 * that tells what is learned, such as `tools`. Of thoughts, and of fields that tell nothing, it is
 * enough that one conversation shows them: a template may well show thoughts in the last turn only.
 */
import type { ChatMessage } from '../model/chat-template.ts'
import { type Fields, tells, tellsThought } from './fields.ts'
import { Fault } from './row.ts'
import { KNOWN_ROLES } from './turn-keys.ts'

export interface FieldUse {
  written: Set<string>
  /** How many conversations have a field and do not show it, and which is the first. */
  unwritten: Map<string, { count: number; first: string }>
  /** Who speaks and is not learned from, though nobody knows them. */
  strangers: Set<string>
}

export const newFieldUse = (): FieldUse => ({
  written: new Set(),
  unwritten: new Map(),
  strangers: new Set(),
})

/** Whether the template writes something else for this instead, or refuses it. */
type Changes = (messages: readonly ChatMessage[], variables: Fields) => boolean

interface Written {
  messages: readonly ChatMessage[]
  /** Which of them are learned. */
  learned: readonly boolean[]
  variables: Fields
  /** What the template writes. */
  whole: string
}

export function noteFields(
  use: FieldUse,
  name: string,
  { messages, learned, variables }: Written,
  changes: Changes,
): void {
  const own = messages.flatMap((message) => Object.keys(message))
  const fields = new Set(own.filter((key) => !SAID.includes(key)))
  for (const field of fields) {
    note(use, name, field, () =>
      changes(
        messages.map((one) => without(one, field)),
        variables,
      ),
    )
  }
  for (const field of Object.keys(variables)) {
    note(use, name, field, () => changes(messages, without(variables, field)))
  }
  for (const [i, { role }] of messages.entries()) {
    if (!learned[i] && !KNOWN_ROLES.has(role)) use.strangers.add(role)
  }
}

/** Told turn by turn. */
const SAID: readonly string[] = ['role', 'content', 'tool_calls']

/** Words beside calls, which some templates drop, are counted as a field of their own. */
const BESIDE_CALLS = 'content beside tool_calls'

/** What of a turn the template does not write; null: it writes all. */
export function unsaidIn(
  use: FieldUse,
  name: string,
  { messages, variables, whole }: Written,
  changes: Changes,
): Fault | null {
  for (const [turn, message] of messages.entries()) {
    const others = messages.filter((one) => one !== message)
    const changesTo = (instead: ChatMessage) => changes(messages.with(turn, instead), variables)
    for (const words of wordsOf(message)) {
      const isSaid = isPlain(words, whole, others) || changesTo({ ...message, content: '' })
      if (message.tool_calls !== undefined) note(use, name, BESIDE_CALLS, () => isSaid)
      else if (!isSaid) return unwritten(`what message ${turn + 1} says, by '${message.role}'`)
    }
    if (withoutOneCall(message).every(changesTo)) continue
    return unwritten(`each of the tool_calls of message ${turn + 1}`)
  }
  return null
}

const wordsOf = ({ content }: ChatMessage): string[] =>
  typeof content === 'string' && content.trim() !== '' ? [content] : []

/** The message once for each of its calls, and without it. */
function withoutOneCall(message: ChatMessage): ChatMessage[] {
  const { tool_calls: calls, ...rest } = message
  if (!Array.isArray(calls)) return []
  if (calls.length === 1) return [rest]
  return calls.map((call) => ({ ...rest, tool_calls: calls.filter((one) => one !== call) }))
}

/** It stands there, and nobody else says it: there is nothing to try. */
function isPlain(content: string, whole: string, others: readonly ChatMessage[]): boolean {
  const isIn = (text: unknown) => typeof text === 'string' && text.includes(content)
  return content.length >= LONG && isIn(whole) && !others.some((one) => isIn(one.content))
}

/** So many characters do not stand there by chance, as those of the template's own words. */
const LONG = 32

const unwritten = (what: string): Fault =>
  new Fault(
    `the chat template must write ${what}: set a 'chat_template' that does, or take it out of ` +
      'the row',
  )

function note(use: FieldUse, name: string, field: string, isWritten: () => boolean): void {
  const isEverywhere = tells(field) && !tellsThought(field)
  if (use.written.has(field) && !isEverywhere) return
  if (isWritten()) {
    use.written.add(field)
    if (!isEverywhere) use.unwritten.delete(field)
    return
  }
  const found = use.unwritten.get(field) ?? { count: 0, first: name }
  found.count += 1
  use.unwritten.set(field, found)
}

function without<T extends Fields>(fields: T, field: string): T {
  const { [field]: _, ...rest } = fields
  return rest as T
}
