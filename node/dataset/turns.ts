/**
 * The place of an assistant's turn in a conversation, as its template writes it.
 *
 * A turn goes from where the template would let the assistant begin, given the conversation before
 * it, to where the conversation with it ends. The whole conversation must begin with both. Where it
 * does not, as a template may look ahead (Qwen3 writes thoughts into the last turn only), a mark in
 * place of what is said shows the turn. Where that fails, too, as the template takes apart what is
 * said, the turn begins where the whole leaves what would let the assistant begin.
 */
import type { ChatMessage } from '../model/chat-template.ts'

export interface Talk {
  messages: readonly ChatMessage[]
  /** The whole conversation, as the template writes it. */
  whole: string
  /** Null: some templates refuse what does not begin, or end, as they like. */
  write(messages: readonly ChatMessage[], opens: boolean): string | null
}

export type Place = [from: number, to: number]

/** Null: the template hides it. */
export function placeOf(turn: number, talk: Talk): Place | null {
  const { messages, whole, write } = talk
  const opened = write(messages.slice(0, turn), true)
  const closed = write(messages.slice(0, turn + 1), false)
  const opens = opened !== null && whole.startsWith(opened)
  const closes = closed !== null && whole.startsWith(closed)
  if (opens && closes) return [opened.length, closed.length]
  const marked = placeByMark(turn, talk)
  const from = opens ? opened.length : (marked?.[0] ?? partingOf(turn, opened, talk))
  const to = closes ? closed.length : marked?.[1]
  return from === null || to === undefined || to < from ? null : [from, to]
}

/**
 * The place where the whole leaves what would let the assistant begin: a prompt may end in thoughts
 * that are empty, while an answer brings its own. Null: it does so before this turn.
 */
function partingOf(turn: number, opened: string | null, talk: Talk): number | null {
  const { messages, whole, write } = talk
  const before = write(messages.slice(0, turn), false)
  if (before === null || opened === null || !whole.startsWith(before)) return null
  const shared = sharedLength(whole, opened)
  return shared > before.length ? shared : null
}

/** A private character of Unicode. */
const MARK = '\u{10fffd}'

/** The conversation with a mark for what is said; `bare`: and nothing else of the message. */
const marking = (messages: readonly ChatMessage[], turn: number, bare = false): ChatMessage[] =>
  messages.map((said, i) => {
    if (i !== turn) return said
    return bare ? { role: said.role, content: MARK } : { ...said, content: MARK }
  })

/** The place where the template writes a mark instead of what is said, with the turn's end. */
export function placeByMark(turn: number, talk: Talk): Place | null {
  // A call without words may be written otherwise than one with a mark.
  return (
    placeByOne(marking(talk.messages, turn), turn, talk) ??
    placeByOne(marking(talk.messages, turn, true), turn, talk)
  )
}

/**
 * Where the end of a turn begins that has this place: what the template writes after the words of
 * such a turn that has nothing but words. Null: the template does not show it.
 */
export function endOf(turn: number, [from, to]: Place, talk: Talk): number | null {
  const { messages, whole } = talk
  const isBare = messages[turn]!.tool_calls !== undefined
  for (const marked of [marking(messages, turn, isBare), marking(messages, turn, !isBare)]) {
    const { after, ending } = aroundMark(marked, turn, talk) ?? {}
    if (after === undefined || ending === undefined) continue
    const end = after.slice(0, endLength(turn, talk, after, ending))
    if (whole.slice(from, to).endsWith(end)) return to - end.length
  }
  return null
}

/** What the template writes before and after a mark, and after it where the turn is the last. */
function aroundMark(marked: ChatMessage[], turn: number, { write }: Talk) {
  const [before, after] = write(marked, false)?.split(MARK) ?? []
  const [, ending] = write(marked.slice(0, turn + 1), false)?.split(MARK) ?? []
  if (before === undefined || after === undefined || ending === undefined) return null
  return { before, after, ending }
}

function placeByOne(marked: ChatMessage[], turn: number, talk: Talk): Place | null {
  const { whole } = talk
  const around = aroundMark(marked, turn, talk)
  if (around === null) return null
  const { before, after, ending } = around
  const end = whole.length - after.length
  if (!whole.startsWith(before) || !whole.endsWith(after) || end < before.length) return null
  return [before.length, end + endLength(turn, talk, after, ending)]
}

/**
 * How much of what follows a turn is its end: all of the end that it has as the last turn, where
 * that follows. Where only a part of it does, that may be the beginning of the next turn's mark, as
 * `<|` is of `<|user|>` and `<|end|>`: a mark that is open there is none of the turn, nor is what
 * the next turn begins with in any place.
 */
function endLength(turn: number, talk: Talk, after: string, ending: string): number {
  if (after.startsWith(ending)) return ending.length
  const shared = after.slice(0, sharedLength(after, ending)).replace(/[<[][^>\]]*$/, '')
  const { messages, write } = talk
  const next = messages[turn + 1]
  if (next === undefined) return shared.length
  const both = write(marking(marking(messages, turn), turn + 1), false)?.split(MARK) ?? []
  const [opening] = write(marking([next], 0), false)?.split(MARK) ?? []
  if (both.length !== 3 || opening === undefined) return shared.length
  const between = both[1]!
  const own = between.length - sharedLength(reversed(between), reversed(opening))
  // Nothing is told where it is all there is between any two turns.
  return own === 0 && opening !== between ? shared.length : Math.min(shared.length, own)
}

const reversed = (text: string): string => [...text].reverse().join('')

/** How many ids, or characters, the two begin with alike. */
export function sharedLength<T extends string | Int32Array>(whole: T, prefix: T): number {
  let length = 0
  while (length < prefix.length && whole[length] === prefix[length]) length++
  return length
}
