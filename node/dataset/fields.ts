/**
 * What else a row has than its kind reads. A field that could change what is learned is never
 * dropped: it is used, or its row is refused, unless run.yaml names it under `leave_aside`. What
 * cannot matter (`id`, `source`) is left aside, and said.
 */
import { plainNumber, WholeFloat } from '../exact-json.ts'
import { shown } from '../shown.ts'
import { Fault } from './row.ts'

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  const isObject = typeof value === 'object' && value !== null
  return isObject && !Array.isArray(value) && !(value instanceof WholeFloat)
}

const FIRST = 'what is said first'
const READ = 'what is read before an answer'
const TOOLS = 'tools that may be called'
const SHARE = 'how much of the row is learned'
const THOUGHT = 'what is thought before an answer'
const CALL = 'a call of a tool'
const CHOICE = 'which of several answers is the better'
const SEEN = 'more than text'

/** What people's formats call what changes the lesson, and what it tells. */
const TELLING: ReadonlyMap<string, string> = new Map([
  ['system', FIRST],
  ['system_prompt', FIRST],
  ['history', 'what was said before'],
  ['tools', TOOLS],
  ['functions', TOOLS],
  ['tool_calls', CALL],
  ['function_call', CALL],
  ['observation', 'what a tool answered'],
  ['input', READ],
  ['context', READ],
  ['documents', READ],
  ['chat_template_kwargs', 'how the conversation is written'],
  ['reasoning_content', THOUGHT],
  ['reasoning', THOUGHT],
  ['thinking', THOUGHT],
  ['weight', SHARE],
  ['loss', SHARE],
  ['loss_mask', SHARE],
  ['mask', SHARE],
  ['train', SHARE],
  ['training', SHARE],
  ['train_detail', SHARE],
  ['training_detail', SHARE],
  ['loss_weight', SHARE],
  ['sample_weight', SHARE],
  ['completion_mask', SHARE],
  ['assistant_masks', SHARE],
  ['chosen', CHOICE],
  ['rejected', CHOICE],
  ['label', CHOICE],
  ['kto_tag', CHOICE],
  ['image', SEEN],
  ['images', SEEN],
  ['video', SEEN],
  ['videos', SEEN],
  ['audio', SEEN],
  ['audios', SEEN],
])

export const tells = (field: string): boolean => TELLING.has(field)
export const tellsThought = (field: string): boolean => TELLING.get(field) === THOUGHT

/** Tables fill what a row does not have; a weight of 1 is what a row without one has. */
export function isAbsent(field: string, value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true
  if (Array.isArray(value)) return value.length === 0
  return (
    (field === 'weight' && plainNumber(value) === 1) ||
    (/^train(ing)?$/.test(field) && value === true)
  )
}

/**
 * What is left aside of a row, or the field that cannot be. A text is whole by itself: of what
 * stands beside it only that matters which is no text, or says how much of it is learned.
 */
export function restOf(row: Fields, used: readonly string[], isText: boolean): string[] | Fault {
  const rest = Object.keys(row).filter((key) => !used.includes(key) && !isAbsent(key, row[key]))
  const telling = rest.find((key) => {
    const meaning = TELLING.get(key)
    return isText ? meaning === SHARE || meaning === SEEN : meaning !== undefined
  })
  if (telling === undefined) return rest
  return new Fault(
    `'${telling}' tells ${TELLING.get(telling)}, which a row of this type cannot say: ` +
      `current value is ${shown(row[telling])}. To learn the row without it, set ` +
      `'leave_aside: [${telling}]' in its dataset`,
  )
}
