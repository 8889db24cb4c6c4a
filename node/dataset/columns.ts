/**
 * A row's columns by axolotl's names: which column is the text, which the
 * messages, and how a message calls its role and its content. Rows come out as kinds.ts knows them.
 */
import { z } from 'zod'
import { type Fields, isAbsent, isFields } from './fields.ts'
import { type BadRow, badRow, fault, type Row } from './row.ts'

const column = z.string().min(1).max(256)

/** Keys of a dataset in run.yaml. */
export const columns = {
  field: column.optional().describe('The column of a text, for type completion.'),
  field_messages: column
    .optional()
    .describe('The column of a conversation, for type chat_template.'),
  message_property_mappings: z
    .strictObject({ role: column, content: column })
    .optional()
    .describe('What a message of it calls its role and its content.'),
}

export type Columns = { [K in keyof typeof columns]?: z.infer<(typeof columns)[K]> }
export const COLUMN_KEYS = Object.keys(columns) as (keyof Columns)[]

/** The kinds of rows that have such columns; none where no column is named. */
export function kindsOfColumns({ field, ...others }: Columns): ('completion' | 'chat_template')[] {
  const { field_messages: messages, message_property_mappings: names } = others
  const kinds: ('completion' | 'chat_template')[] = []
  if (field !== undefined) kinds.push('completion')
  if ((messages ?? names) !== undefined) kinds.push('chat_template')
  return kinds
}

/** A row by our names. `displaced`: what had one of them before, and is not what run.yaml names. */
export interface NamedRow extends Row {
  displaced: readonly string[]
}

/** The row with its columns renamed, and all that it has beside them. */
export function named({ name, value }: Row, columns: Columns): NamedRow | BadRow {
  const { field, field_messages: messages, message_property_mappings: names } = columns
  const displaced = new Set<string>()
  if (kindsOfColumns(columns).length === 0) return { name, value, displaced: [] }
  const wanted = field ?? messages ?? listOf(value)
  const said = isFields(value) ? value[wanted] : undefined
  if (!isFields(value) || said === undefined) {
    return badRow(name, fault(wanted, 'there, as run.yaml names the column', undefined))
  }
  const row = renamed(
    value,
    new Map([[wanted, field === undefined ? 'messages' : 'text']]),
    displaced,
  )
  if (field === undefined && Array.isArray(said)) {
    const { role = 'role', content = 'content' } = names ?? {}
    const properties = new Map([
      [role, 'role'],
      [content, 'content'],
    ])
    row.messages = said.map((one) => (isFields(one) ? renamed(one, properties, displaced) : one))
  }
  return { name, value: row, displaced: [...displaced] }
}

/** Where a conversation is that run.yaml names no column of. */
const listOf = (row: unknown): string =>
  isFields(row) && !('messages' in row) && 'conversations' in row ? 'conversations' : 'messages'

function renamed(
  fields: Fields,
  names: ReadonlyMap<string, string>,
  displaced: Set<string>,
): Record<string, unknown> {
  const taken = [...names.values()]
  const entries = Object.entries(fields).filter(([key, value]) => {
    if (names.has(key) || !taken.includes(key)) return true
    if (!isAbsent(key, value)) displaced.add(key)
    return false
  })
  return Object.fromEntries(entries.map(([key, value]) => [names.get(key) ?? key, value]))
}
