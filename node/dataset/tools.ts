/**
 * Tools that a conversation may call, and calls of them, as chat templates look for them: OpenAI's
 * `tools` and `tool_calls`. Older names and LLaMA-Factory's texts of JSON are rewritten so.
 */

import { parseExactly } from '../exact-json.ts'
import type { ChatMessage } from '../model/chat-template.ts'
import { type Fields, isAbsent, isFields } from './fields.ts'
import { type Fault, fault } from './row.ts'

/** @returns none where the row has none */
export function toolsOf({ tools, functions }: Fields): unknown[] | Fault {
  const all: unknown[] = []
  for (const [name, given] of [
    ['tools', tools],
    ['functions', functions],
  ] as const) {
    if (isAbsent(name, given)) continue
    const list = typeof given === 'string' ? parsed(given) : given
    if (!Array.isArray(list) || !list.every(isFields)) {
      return fault(name, 'a list of objects, or such a list as a text of JSON', given)
    }
    for (const tool of list) {
      all.push(withParameters(isAFunction(tool) ? wrapped(tool) : tool))
    }
  }
  return all
}

/** The tool without the envelope that says that it is a function. */
const isAFunction = (tool: Fields): boolean =>
  typeof tool.name === 'string' && tool.function === undefined && tool.type === undefined

/** Tables have one type a column, so some have what a tool takes as a text of JSON. */
function withParameters(tool: Fields): Fields {
  const { function: told } = tool
  if (!isFields(told) || typeof told.parameters !== 'string') return tool
  const parameters = parsed(told.parameters)
  return isFields(parameters) ? { ...tool, function: { ...told, parameters } } : tool
}

const wrapped = (tool: Fields) => ({ type: 'function', function: tool })

/**
 * `{"name", "arguments"}`, as some have it "parameters", or a list of such, or either as a text of
 * JSON; it may have an `id`.
 */
export function callsOf(given: unknown, path: string): unknown[] | Fault {
  const value = typeof given === 'string' ? parsed(given) : given
  const calls = Array.isArray(value) ? value : [value]
  const all = calls.map(callOf)
  if (all.length > 0 && !all.includes(null)) return all
  return fault(path, 'a call with a name and arguments, as an object or a text of JSON', given)
}

/** Null: it is no call, or has something that would be lost. */
function callOf(call: unknown): object | null {
  if (!isFields(call)) return null
  const { name, arguments: given, parameters, id, ...rest } = call
  const isTold = !(isAbsent('arguments', given) || isAbsent('parameters', parameters))
  const isMore = Object.entries(rest).some(([key, value]) => !isAbsent(key, value))
  if (typeof name !== 'string' || isTold || isMore) return null
  const called = wrapped({ name, arguments: given ?? parameters ?? {} })
  return isAbsent('id', id) ? called : { id, ...called }
}

/**
 * The messages with the arguments of calls as objects, where they are texts of JSON: as axolotl
 * does, since templates that write JSON would quote the text. Null: there are none.
 */
export function withParsedCalls(messages: readonly ChatMessage[]): ChatMessage[] | null {
  let isChanged = false
  const parse = (call: unknown): unknown => {
    if (!isFields(call) || !isFields(call.function)) return call
    const { arguments: given } = call.function
    const value = typeof given === 'string' ? parsed(given) : null
    if (!isFields(value)) return call
    isChanged = true
    return { ...call, function: { ...call.function, arguments: value } }
  }
  const all = messages.map((message) =>
    Array.isArray(message.tool_calls)
      ? { ...message, tool_calls: message.tool_calls.map(parse) }
      : message,
  )
  return isChanged ? all : null
}

/** Undefined: it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return parseExactly(text)
  } catch {
    return undefined
  }
}
