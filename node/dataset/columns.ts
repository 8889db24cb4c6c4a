/**
 * Where a row keeps what its kind reads, by axolotl's names: which column is the text, which the
 * messages, and how a message calls its role and its content. Rows come out as kinds.ts knows them.
 */
import { z } from 'zod'
import type { Row } from './rows.ts'

const column = z.string().min(1).max(256)

/** Keys of a dataset in run.yaml. */
export const columns = {
  /** The column of a text; axolotl's `field` for type completion. */
  field: column.optional(),
  /** The column of a conversation, for type chat_template. */
  field_messages: column.optional(),
  message_property_mappings: z.strictObject({ role: column, content: column }).optional(),
}

export type Columns = { [K in keyof typeof columns]?: z.infer<(typeof columns)[K]> }
export const COLUMN_KEYS = Object.keys(columns) as (keyof Columns)[]

/** The row with its columns renamed; what has other columns is left as it is, to be refused. */
export function named({ name, value }: Row, columns: Columns): Row {
  const { field, field_messages: messages, message_property_mappings: names } = columns
  if (!isMap(value)) return { name, value }
  if (field !== undefined && field in value) return { name, value: { text: value[field] } }
  const said = value[messages ?? 'messages']
  if ((messages ?? names) === undefined || !Array.isArray(said)) return { name, value }
  const { role = 'role', content = 'content' } = names ?? {}
  const renamed = said.map((one: unknown) =>
    isMap(one) ? { role: one[role], content: one[content] } : one,
  )
  return { name, value: { messages: renamed } }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
