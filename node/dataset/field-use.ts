/**
 * Which fields of a data set's conversations its chat template writes. A template says nothing when
 * it does not know a field: it is told by leaving the field out, and seeing whether that changes
 * what is written. A field counts as written when it is so in one conversation: a template may well
 * show thoughts in the last turn only.
 */
import type { ChatMessage } from '../model/chat-template.ts'
import type { Fields } from './fields.ts'

export interface FieldUse {
  written: Set<string>
  /** How many conversations have a field and do not show it, and which is the first. */
  unwritten: Map<string, { count: number; first: string }>
}

export const newFieldUse = (): FieldUse => ({ written: new Set(), unwritten: new Map() })

/** @param changes whether the template writes something else for this instead, or refuses it */
export function noteFields(
  use: FieldUse,
  name: string,
  { messages, variables }: { messages: readonly ChatMessage[]; variables: Fields },
  changes: (messages: readonly ChatMessage[], variables: Fields) => boolean,
): void {
  const own = messages.flatMap((message) => Object.keys(message))
  const fields = new Set(own.filter((key) => key !== 'role' && key !== 'content'))
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
}

function note(use: FieldUse, name: string, field: string, isWritten: () => boolean): void {
  if (use.written.has(field)) return
  if (isWritten()) {
    use.written.add(field)
    use.unwritten.delete(field)
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
