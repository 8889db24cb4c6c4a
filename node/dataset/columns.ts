/**
 * A row's columns by axolotl's names: which column is the text, which the messages, which the
 * tools, and what a message calls its parts. Rows come out as kinds.ts knows them.
 */
import { z } from 'zod'
import { type Fields, isAbsent, isFields } from './fields.ts'
import { type BadRow, badRow, fault, type Row } from './row.ts'

const column = z.string().min(1).max(256)

/** What of a message may have another name. */
const properties = z.strictObject({
  role: column.optional(),
  content: column.optional(),
  reasoning_content: column.optional(),
  tool_calls: column.optional(),
  tool_call_id: column.optional(),
  name: column.optional(),
})

/** Keys of a dataset in run.yaml. */
export const columns = {
  field: column.optional().describe('The column of a text, for type completion.'),
  field_messages: column
    .optional()
    .describe('The column of a conversation, for type chat_template.'),
  field_tools: column.optional().describe('The column of the tools that it may call.'),
  field_thinking: column
    .optional()
    .describe('What a message of it calls its thoughts, where it is not `reasoning_content`.'),
  message_property_mappings: properties
    .optional()
    .describe('What a message of it calls its role, its content, and what else it has.'),
  message_field_training: column
    .optional()
    .describe('What of a message says whether it is learned, whoever speaks: `true` or `false`.'),
}

export type Columns = { [K in keyof typeof columns]?: z.infer<(typeof columns)[K]> }
export const COLUMN_KEYS = Object.keys(columns) as (keyof Columns)[]

/** The kinds of rows that have such columns; none where no column is named. */
export function kindsOfColumns({ field, ...others }: Columns): ('completion' | 'chat_template')[] {
  const kinds: ('completion' | 'chat_template')[] = []
  if (field !== undefined) kinds.push('completion')
  const ofTalk = COLUMN_KEYS.filter((key) => key !== 'field')
  if (ofTalk.some((key) => others[key as keyof typeof others] !== undefined)) {
    kinds.push('chat_template')
  }
  return kinds
}

/** A row by our names. `displaced`: what had one of them before, and is not what run.yaml names. */
export interface NamedRow extends Row {
  displaced: readonly string[]
}

/**
 * The row with its columns renamed, and all that it has beside them.
 * @param seen gets the names of run.yaml that the row has
 */
export function named(
  { name, value }: Row,
  columns: Columns,
  seen: Set<string> = new Set(),
): NamedRow | BadRow {
  const { field, field_messages: messages, field_tools: tools } = columns
  const displaced = new Set<string>()
  if (kindsOfColumns(columns).length === 0) return { name, value, displaced: [] }
  const wanted = field ?? messages ?? listOf(value)
  const said = isFields(value) ? value[wanted] : undefined
  if (!isFields(value) || said === undefined) {
    return badRow(name, fault(wanted, 'there, as run.yaml names the column', undefined))
  }
  const names = new Map([[wanted, field === undefined ? 'messages' : 'text']])
  if (tools !== undefined) names.set(tools, 'tools')
  const row = renamed(value, names, displaced, seen)
  if (field === undefined && Array.isArray(said)) {
    const parts = partsOf(columns)
    row.messages = said.map((one) => (isFields(one) ? renamed(one, parts, displaced, seen) : one))
  }
  return { name, value: row, displaced: [...displaced] }
}

/** What a message calls its parts, and what they are called here. */
function partsOf({
  message_property_mappings: names = {},
  field_thinking: thinking,
  message_field_training: training,
}: Columns): ReadonlyMap<string, string> {
  const { role = 'role', content = 'content', ...others } = names
  const parts = new Map([
    [role, 'role'],
    [content, 'content'],
  ])
  for (const [part, name] of Object.entries(others)) if (name !== undefined) parts.set(name, part)
  if (thinking !== undefined) parts.set(thinking, 'reasoning_content')
  if (training !== undefined) parts.set(training, 'train')
  return parts
}

/** Names of run.yaml for what a row need not have, each with its key. */
export function namesThatMayLack(columns: Columns): [key: string, name: string][] {
  const { role, content, ...others } = columns.message_property_mappings ?? {}
  const keys = ['field_tools', 'field_thinking', 'message_field_training'] as const
  return [
    ...keys.map((key) => [key, columns[key]] as const),
    ...Object.entries(others).map(
      ([part, name]) => [`message_property_mappings.${part}`, name] as const,
    ),
  ].flatMap(([key, name]) => (name === undefined ? [] : [[key, name]]))
}

/** Where a conversation is that run.yaml names no column of. */
const listOf = (row: unknown): string =>
  isFields(row) && !('messages' in row) && 'conversations' in row ? 'conversations' : 'messages'

function renamed(
  fields: Fields,
  names: ReadonlyMap<string, string>,
  displaced: Set<string>,
  seen: Set<string>,
): Record<string, unknown> {
  const taken = [...names.values()]
  const entries = Object.entries(fields).filter(([key, value]) => {
    if (names.has(key)) seen.add(key)
    if (names.has(key) || !taken.includes(key)) return true
    if (!isAbsent(key, value)) displaced.add(key)
    return false
  })
  return Object.fromEntries(entries.map(([key, value]) => [names.get(key) ?? key, value]))
}
