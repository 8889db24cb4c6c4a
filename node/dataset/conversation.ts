/**
 * Conversations, which go whole to the chat template: OpenAI's `messages` of `role` and `content`,
 * ShareGPT's `conversations` of `from` and `value`, and TRL's pairs of a prompt and a completion
 * that are lists of messages. What a message calls its parts does not depend on its list's name.
 *
 * A message's `role` and `content` are read here, and whether it is learned: OpenAI's `weight`, 0
 * or 1, axolotl's `train` or `training`. All else that it has is the template's.
 * Source: OpenAI, "Supervised fine-tuning"; axolotl, "Conversation"; LLaMA-Factory, "ShareGPT".
 */

import { plainNumber } from '../exact-json.ts'
import type { ChatMessage } from '../model/chat-template.ts'
import { type Fields, isAbsent, isFields } from './fields.ts'
import { Fault, fault } from './row.ts'
import { splitThoughts } from './thinking.ts'
import { callsOf, parsed, toolsOf } from './tools.ts'
import { DEFAULT_CHOICE, type Ends, type TurnChoice } from './turn-keys.ts'

export interface Conversation {
  messages: ChatMessage[]
  /** Whether each message is learned, in their order. */
  learned: boolean[]
  /** Which ends of turns are; left out: those of learned ones. */
  ends?: Ends
  /** What else the template may look at, such as `tools`. */
  variables: Fields
}

/** Messages of one conversation; a longer one is cut by hand. */
const MESSAGES_MAX = 1000

/** What a row may have beside its messages. */
export const BESIDE_MESSAGES = ['system', 'tools', 'functions', 'documents', 'chat_template_kwargs']

export function conversationOf(
  row: Fields,
  column: string,
  choice: TurnChoice = DEFAULT_CHOICE,
): Conversation | Fault {
  return conversation(row, messagesIn(row, column, choice), choice)
}

/** Only the completion is learned, as in TRL, unless what is asked is to be, too. */
export function promptedOf(row: Fields, choice: TurnChoice): Conversation | Fault {
  const asked = messagesIn(row, 'prompt', choice)
  const answered = messagesIn(row, 'completion', choice)
  if (asked instanceof Fault) return asked
  if (answered instanceof Fault) return answered
  if (!choice.isAll) for (const one of asked) one.isLearned = false
  return conversation(row, asked.concat(answered), choice)
}

interface ReadMessage {
  message: ChatMessage
  isLearned: boolean
}

function messagesIn(row: Fields, column: string, choice: TurnChoice): ReadMessage[] | Fault {
  const given = row[column]
  // Tables of texts have the list as a text of JSON.
  const list = typeof given === 'string' ? parsed(given) : given
  if (!Array.isArray(list)) return fault(column, 'a list of messages', given)
  if (list.length > MESSAGES_MAX) {
    return fault(column, `a list of at most ${MESSAGES_MAX} messages`, `${list.length} messages`)
  }
  const all: ReadMessage[] = []
  for (const [i, item] of list.entries()) {
    const path = `${column}[${i}]`
    const one = isFields(item) ? messageOf(item, path, choice) : fault(path, 'an object', item)
    if (one instanceof Fault) return one
    all.push(one)
  }
  return all
}

function conversation(
  row: Fields,
  read: ReadMessage[] | Fault,
  { ends, dropsSystem }: TurnChoice,
): Conversation | Fault {
  if (read instanceof Fault) return read
  const variables = variablesOf(row)
  if (variables instanceof Fault) return variables
  const given = isAbsent('system', row.system) ? read : withSystem(row.system, read)
  if (given instanceof Fault) return given
  const isDropped = dropsSystem && given[0]?.message.role === 'system'
  const all = isDropped ? given.slice(1) : given
  const said: Conversation = {
    messages: all.map(({ message }) => message),
    learned: all.map(({ isLearned }) => isLearned),
    variables,
  }
  return ends === 'turn' ? said : { ...said, ends }
}

/** The row's own goes first, unless the conversation begins with the same. */
function withSystem(system: unknown, all: ReadMessage[]): ReadMessage[] | Fault {
  if (typeof system !== 'string') return fault('system', 'a text', system)
  const first = all[0]?.message
  if (first?.role !== 'system') {
    const said: ReadMessage = { message: { role: 'system', content: system }, isLearned: false }
    return [said].concat(all)
  }
  return first.content === system
    ? all
    : fault('system', 'what the first message says, which is of the system', system)
}

function variablesOf(row: Fields): Fields | Fault {
  const variables: Record<string, unknown> = {}
  const { chat_template_kwargs: given, documents } = row
  if (!isAbsent('chat_template_kwargs', given)) {
    if (!isFields(given)) return fault('chat_template_kwargs', 'an object', given)
    Object.assign(variables, given)
  }
  if (!isAbsent('documents', documents)) {
    if (!Array.isArray(documents)) return fault('documents', 'a list', documents)
    variables.documents = documents
  }
  const tools = toolsOf(row)
  if (tools instanceof Fault) return tools
  if (tools.length > 0) variables.tools = tools
  return variables
}

/** What is read of a message here; all else is the template's. */
const READ = ['role', 'from', 'content', 'value', 'weight', 'train', 'training', 'function_call']
/** Two names of one thing, of which a message has one. */
const SAME = [
  ['role', 'from'],
  ['content', 'value'],
  ['tool_calls', 'function_call'],
] as const

/** What would be lost of a message that says a thing twice. */
function saidTwice(message: Fields, path: string): Fault | null {
  for (const [key, other] of SAME) {
    if (isAbsent(key, message[key]) || isAbsent(other, message[other])) continue
    return fault(`${path}.${other}`, `left out, as there is '${key}'`, message[other])
  }
  return null
}

function messageOf(message: Fields, path: string, choice: TurnChoice): ReadMessage | Fault {
  const twice = saidTwice(message, path)
  if (twice !== null) return twice
  const speaker = isAbsent('role', message.role) ? message.from : message.role
  if (typeof speaker !== 'string') return fault(`${path}.role`, 'a text', speaker)
  const isCall = speaker === 'function_call'
  const role = isCall ? 'assistant' : choice.roleOf(speaker)
  const isLearned = learnedOf(message, path, role, choice)
  if (isLearned instanceof Fault) return isLearned
  const own = Object.entries(message).filter(
    ([key, value]) => !READ.includes(key) && !isAbsent(key, value),
  )
  const said = saidIn(message, path, isCall)
  if (said instanceof Fault) return said
  const isSplit = choice.splitsThinking && role === 'assistant'
  const split = isSplit ? splitThoughts(message, said.content, `${path}.content`) : {}
  if (split instanceof Fault) return split
  return { message: Object.assign({ role }, Object.fromEntries(own), said, split), isLearned }
}

/** Its words and, by older names, its calls. @param isCall what it says is a call */
function saidIn(message: Fields, path: string, isCall: boolean): Fields | Fault {
  const isValue = isAbsent('content', message.content) && 'value' in message
  const contentKey = isValue ? 'value' : 'content'
  const given = message[contentKey]
  const call = isCall ? given : message.function_call
  const isCalled = !isAbsent('function_call', call)
  const calls = isCalled ? callsOf(call, `${path}.${isCall ? contentKey : 'function_call'}`) : []
  if (calls instanceof Fault) return calls
  const mayBeNull = isCalled || !isAbsent('tool_calls', message.tool_calls)
  const content = isCall ? '' : contentOf(given, `${path}.${contentKey}`, mayBeNull)
  if (content instanceof Fault) return content
  const said: Record<string, unknown> = content === undefined ? {} : { content }
  return isCalled ? Object.assign(said, { tool_calls: calls }) : said
}

/** @returns what the template gets: nothing, or null, where the message has that beside calls */
function contentOf(
  content: unknown,
  path: string,
  mayBeNull: boolean,
): string | null | undefined | Fault {
  if (typeof content === 'string') return content
  if (mayBeNull && (content === null || content === undefined)) return content
  const must = `a text, or a list of parts of text${mayBeNull ? ', or null' : ''}`
  if (!Array.isArray(content)) return fault(path, must, content)
  const texts: string[] = []
  for (const [i, part] of content.entries()) {
    const { type, text, ...rest } = isFields(part) ? part : {}
    const more = Object.entries(rest).some(([key, value]) => !isAbsent(key, value))
    if (type !== 'text' || typeof text !== 'string' || more) {
      return fault(`${path}[${i}]`, `{"type":"text","text":"…"} and no more`, part)
    }
    texts.push(text)
  }
  return texts.join('\n')
}

/** The turns are learned of whoever is to be, but for what a turn says of itself. */
function learnedOf(
  message: Fields,
  path: string,
  role: string,
  { trains, isOpen }: TurnChoice,
): boolean | Fault {
  const isTrained = trains(role)
  const said: boolean[] = []
  for (const key of ['weight', 'train', 'training']) {
    const value = plainNumber(message[key])
    if (value === null || value === undefined) continue
    const [no, yes] = key === 'weight' ? [0, 1] : [false, true]
    // Tables have whole numbers as bigint.
    const isYes = value === yes || value === BigInt(yes)
    if (!isYes && value !== no && value !== BigInt(no)) {
      return fault(`${path}.${key}`, `${no} or ${yes}`, value)
    }
    if (isYes && !isTrained && !(isOpen && key === 'train')) {
      const must =
        `${no}, as of a turn of '${role}' nothing is learned (to learn it, name the role in ` +
        "'roles_to_train', or the field in 'message_field_training')"
      return fault(`${path}.${key}`, must, value)
    }
    said.push(isYes)
  }
  return said.length === 0 ? isTrained : !said.includes(false)
}
