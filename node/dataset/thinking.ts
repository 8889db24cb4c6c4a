/**
 * Thoughts that stand in what the assistant says, as `<think>…</think>` before the answer, for
 * `split_thinking`. They must come first: what stands before them would be lost.
 * Source: axolotl, "Conversation".
 */
import { type Fields, isAbsent, tellsThought } from './fields.ts'
import { type Fault, fault } from './row.ts'

const THOUGHT_MARKS = [
  ['<think>', '</think>'],
  ['<reasoning>', '</reasoning>'],
  ['<|begin_of_thought|>', '<|end_of_thought|>'],
] as const
const ANSWER_MARKS = ['<|begin_of_solution|>', '<|end_of_solution|>'] as const

/** @returns the message's new `content` and `reasoning_content`; none where it has no thoughts */
export function splitThoughts(message: Fields, content: unknown, path: string): Fields | Fault {
  if (typeof content !== 'string') return {}
  const marks = THOUGHT_MARKS.find(
    ([open, close]) => content.includes(open) && content.includes(close),
  )
  if (marks === undefined) return {}
  const [open, close] = marks
  const text = content.trimStart()
  const end = text.indexOf(close)
  if (!text.startsWith(open) || end < open.length) {
    return fault(path, `thoughts in ${open} and ${close}, and after them the answer`, content)
  }
  const told = Object.keys(message).find((key) => tellsThought(key) && !isAbsent(key, message[key]))
  if (told !== undefined) return fault(path, `without ${open}, as there is '${told}'`, content)
  const thoughts = text.slice(open.length, end).trim()
  const answer = answerIn(text.slice(end + close.length).trimStart())
  return thoughts === '' ? { content: answer } : { content: answer, reasoning_content: thoughts }
}

function answerIn(text: string): string {
  const [open, close] = ANSWER_MARKS
  const isMarked = text.startsWith(open) && text.trimEnd().endsWith(close)
  return isMarked ? text.trimEnd().slice(open.length, -close.length).trim() : text
}
