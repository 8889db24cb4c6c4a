/**
 * A row's columns by axolotl's names: which column is the text, which the
 * messages, and how a message calls its role and its content. Rows come out as kinds.ts knows them.
 */
import { z } from 'zod'
import { type Fields, isFields } from './fields.ts'
import type { Row } from './row.ts'

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

/**
 * The row with its columns renamed, and all that it has beside them; what has other columns is left
 * as it is, to be refused.
 */
export function named({ name, value }: Row, columns: Columns): Row {
  const { field, field_messages: messages, message_property_mappings: names } = columns
  if (!isFields(value)) return { name, value }
  if (field !== undefined && field in value) {
    return { name, value: renamed(value, new Map([[field, 'text']])) }
  }
  const column = messages ?? 'messages'
  const said = value[column]
  if ((messages ?? names) === undefined || !Array.isArray(said)) return { name, value }
  const { role = 'role', content = 'content' } = names ?? {}
  const properties = new Map([
    [role, 'role'],
    [content, 'content'],
  ])
  const row = renamed(value, new Map([[column, 'messages']]))
  const all = said.map((one) => (isFields(one) ? renamed(one, properties) : one))
  return { name, value: Object.assign(row, { messages: all }) }
}

/** What had the new name before is not what run.yaml names, and goes. */
function renamed(fields: Fields, names: ReadonlyMap<string, string>): Record<string, unknown> {
  const taken = [...names.values()]
  const entries = Object.entries(fields).filter(([key]) => names.has(key) || !taken.includes(key))
  return Object.fromEntries(entries.map(([key, value]) => [names.get(key) ?? key, value]))
}
