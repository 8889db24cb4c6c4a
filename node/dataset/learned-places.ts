/**
 * What is learned of a conversation, as places in what its template writes: the turns that are to
 * be, with their ends as `train_on_eos` has it, kept to what the assistant writes where the
 * template says that itself.
 */
import type { ChatMessage, ChatTemplate } from '../model/chat-template.ts'
import type { Conversation } from './conversation.ts'
import type { Ends } from './turn-keys.ts'
import { endOf, type Place, placeByMark, placeOf, type Talk } from './turns.ts'

type Chat = Pick<Conversation, 'learned' | 'ends' | 'variables'>

const isAssistant = ({ role }: ChatMessage): boolean => role === 'assistant'

/** Each turn of the assistant is learned with its end, and nothing else. */
const isPlain = ({ learned, ends }: Chat, messages: readonly ChatMessage[]): boolean =>
  ends === undefined && messages.every((message, i) => learned[i] === isAssistant(message))

/** Whether all of it may be learned where the template shows no places. */
export const mayBeWhole = (chat: Chat & { messages: readonly ChatMessage[] }): boolean =>
  isPlain(chat, chat.messages) || (chat.ends === undefined && !chat.learned.includes(false))

/** Null: the template does not show where they are. */
export function placesOf(chat: Chat, talk: Talk, template: ChatTemplate): Place[] | null {
  const { messages, whole } = talk
  const generated = template.generated(messages, chat.variables)
  const spans = generated?.text === whole ? generated.spans : null
  if (spans !== null && isPlain(chat, messages)) return spans
  const places: Place[] = []
  for (const turn of messages.keys()) {
    const own = placesOfTurn(turn, chat, talk, spans)
    if (own === null) return null
    places.push(...own)
  }
  return places
}

function placesOfTurn(
  turn: number,
  { learned, ends = 'turn' }: Chat,
  talk: Talk,
  spans: readonly Place[] | null,
): Place[] | null {
  const isLearned = learned[turn] === true
  const isEndLearned = isEndLearnedOf(turn, learned, ends)
  if (!isLearned && !isEndLearned) return []
  const isOwn = isAssistant(talk.messages[turn]!)
  const place = isOwn ? placeOf(turn, talk) : placeByMark(turn, talk)
  if (place === null) return null
  const kept = (one: Place) => (isOwn && spans !== null ? within(one, spans) : [one])
  if (ends === 'turn') return kept(place)
  const end = endOf(turn, place, talk)
  if (end === null) return null
  const places = isLearned ? kept([place[0], end]) : []
  return isEndLearned ? places.concat([[end, place[1]]]) : places
}

function isEndLearnedOf(turn: number, learned: readonly boolean[], ends: Ends): boolean {
  switch (ends) {
    case 'all':
      return true
    case 'turn':
      return learned[turn] === true
    case 'last':
      return turn === learned.lastIndexOf(true)
    case 'none':
      return false
  }
}

const within = ([from, to]: Place, spans: readonly Place[]): Place[] =>
  spans.map(([start, end]): Place => [Math.max(from, start), Math.min(to, end)])
