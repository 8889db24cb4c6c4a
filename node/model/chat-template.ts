/**
 * How a model wants a conversation written: the Jinja template that comes with its tokenizer, or
 * one that the organiser names.
 * Source: transformers 5, "Chat templates" and `apply_chat_template`.
 */
import { z } from 'zod'
import { ConfigError } from '../../protocol/index.ts'
import { writeFixedDate } from './fixed-date.ts'
import { JinjaError } from './jinja/errors.ts'
import { compileTemplate, type Rendered, type Template } from './jinja/template.ts'
import { parseJson } from './json.ts'
import { DEFAULT_TEMPLATE, TEMPLATE_NAMES, templateText } from './named-templates.ts'

export interface ChatMessage {
  role: string
  /** A text; null or absent beside tool_calls. */
  content?: unknown
  /** What else a template may look at, such as tool_calls. */
  [key: string]: unknown
}

/** What a template may look at beside the messages, such as `tools`. */
export type TemplateVariables = Readonly<Record<string, unknown>>

export interface GeneratedText {
  text: string
  /** The parts of the text that the assistant writes, in order. */
  spans: [from: number, to: number][]
}

export interface ChatTemplate {
  /** `opens`: up to where the assistant's next turn begins. */
  render(messages: readonly ChatMessage[], opens: boolean, variables?: TemplateVariables): string
  /** The same with what the assistant writes, where the template says so itself; else null. */
  generated(messages: readonly ChatMessage[], variables?: TemplateVariables): GeneratedText | null
}

/** Which goes before the one in tokenizer_config.json. */
export const TEMPLATE_FILE = 'chat_template.jinja'
const CONFIG_FILE = 'tokenizer_config.json'

const special = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish()
/** Tokens that a template may ask for. Source: transformers, tokenization_utils_base.py. */
const SPECIAL_TOKENS = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const
const specialTokensSchema = z.looseObject(
  Object.fromEntries(SPECIAL_TOKENS.map((name) => [name, special])),
)
const configSchema = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
})

/**
 * @param companions the model's files by name
 * @param wanted one of TEMPLATE_NAMES, or the text of a template
 * @throws ConfigError when the model has none, or it is no template
 */
export function openChatTemplate(
  companions: ReadonlyMap<string, Uint8Array>,
  wanted = DEFAULT_TEMPLATE,
): ChatTemplate {
  const sources = wanted === DEFAULT_TEMPLATE ? templatesOf(companions) : givenTemplate(wanted)
  if (sources.plain === null) {
    throw new ConfigError(
      "Cannot write conversations as the model has no chat template: set 'chat_template' to " +
        "'chatml' or to the path of a .jinja file",
    )
  }
  const { title } = sources
  const plain = compile(sources.plain, title)
  const withTools = sources.withTools === undefined ? plain : compile(sources.withTools, title)
  const tokens = specialTokens(companions)
  const chosen = (variables?: TemplateVariables) =>
    (variables?.tools ?? null) === null ? plain : withTools
  const apply = (messages: readonly ChatMessage[], opens: boolean, variables?: TemplateVariables) =>
    applied(chosen(variables), title, {
      ...tokens,
      // A template sees that there are none, rather than nothing.
      tools: null,
      documents: null,
      ...variables,
      messages: messages.map(asTemplatesSeeIt),
      add_generation_prompt: opens,
    })
  return {
    render: (messages, opens, variables) => apply(messages, opens, variables).text,
    generated(messages, variables) {
      if (!chosen(variables).hasGeneration) return null
      const { text, spans } = apply(messages, false, variables)
      return spans === null ? null : { text, spans }
    },
  }
}

/** Whether conversations can be written as the model itself has it. */
export function hasChatTemplate(companions: ReadonlyMap<string, Uint8Array>): boolean {
  return templatesOf(companions).plain !== null
}

/** The model's own; null: it has none that can be used, and was not made to chat. */
export function modelTemplate(companions: ReadonlyMap<string, Uint8Array>): ChatTemplate | null {
  try {
    return openChatTemplate(companions)
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}

/** Names of a message's thoughts, of which templates ask for the first. */
const THOUGHTS = ['reasoning_content', 'thinking', 'reasoning']

/** Fields that are null are not there, and thoughts go by the name that templates know. */
function asTemplatesSeeIt(message: ChatMessage): Record<string, unknown> {
  const seen: Record<string, unknown> = {}
  const thought = THOUGHTS.map((name) => message[name] ?? null).find((text) => text !== null)
  if (thought !== undefined) seen.thinking = thought
  for (const [name, value] of Object.entries(message)) if (value !== null) seen[name] = value
  if (thought !== undefined) seen.reasoning_content = thought
  return seen
}

function applied(template: Template, title: string, names: Record<string, unknown>): Rendered {
  try {
    return template.render(names)
  } catch (error) {
    throw faultOf('apply', title, error)
  }
}

function compile(source: string, title: string): Template {
  try {
    return compileTemplate(source, writeFixedDate)
  } catch (error) {
    throw faultOf('read', title, error)
  }
}

/** What a template does wrong is its writer's fault; all else is ours. */
function faultOf(verb: string, title: string, error: unknown): unknown {
  if (!(error instanceof JinjaError)) return error
  const line = error.line === null ? '' : `, line ${error.line}`
  return new ConfigError(`Cannot ${verb} ${title}${line}: ${error.message}`)
}

interface Sources {
  plain: string | null
  withTools?: string | undefined
  /** What it is called. */
  title: string
}

function givenTemplate(wanted: string): Sources {
  const title = TEMPLATE_NAMES.includes(wanted)
    ? `the chat template '${wanted}'`
    : "the chat template that 'chat_template' gives"
  return { plain: templateText(wanted), title }
}

/** A model may have several: `tool_use` is for conversations with tools. Source: transformers. */
function templatesOf(companions: ReadonlyMap<string, Uint8Array>): Sources {
  const file = companions.get(TEMPLATE_FILE)
  if (file !== undefined) {
    const title = `the model's chat template, ${TEMPLATE_FILE}`
    return { plain: new TextDecoder().decode(file), title }
  }
  const { chat_template: chat } = parseJson(companions.get(CONFIG_FILE)!, CONFIG_FILE, configSchema)
  const title = `the model's chat template, in ${CONFIG_FILE}`
  if (!Array.isArray(chat)) return { plain: chat ?? null, title }
  const named = (wanted: string) => chat.find(({ name }) => name === wanted)?.template
  return { plain: named('default') ?? null, withTools: named('tool_use'), title }
}

/** Those that the model has: a template may ask whether one is defined. */
function specialTokens(companions: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  const texts: Record<string, string> = {}
  // Older models name some in a file of their own; the newer file goes before it.
  for (const title of ['special_tokens_map.json', CONFIG_FILE]) {
    const bytes = companions.get(title)
    if (bytes === undefined) continue
    const tokens = parseJson(bytes, title, specialTokensSchema)
    for (const name of SPECIAL_TOKENS) {
      const token = tokens[name] as z.infer<typeof special>
      const text = typeof token === 'object' ? token?.content : token
      if (text !== undefined) texts[name] = text
    }
  }
  return texts
}
