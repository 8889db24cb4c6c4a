/**
 * How a model wants a conversation written: the Jinja template that comes with its tokenizer, or
 * one that the organiser names.
 * Source: transformers, "Chat templates"; ChatML: openai-python, chatml.md.
 */
import { Template } from '@huggingface/jinja'
import { z } from 'zod'
import { ConfigError } from '../../protocol/errors.ts'
import { parseJson } from './json.ts'

export interface ChatMessage {
  role: string
  content: string
  /** What else a template may look at, such as tool_calls. */
  [key: string]: unknown
}

export interface ChatTemplate {
  /** `opens`: up to where the assistant's next turn begins. */
  render(messages: readonly ChatMessage[], opens: boolean): string
}

/** Which goes before the one in tokenizer_config.json. */
export const TEMPLATE_FILE = 'chat_template.jinja'
/** That of the model. */
export const DEFAULT_TEMPLATE = 'tokenizer_default'

const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + " +
  "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

const special = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish()
const configSchema = z.looseObject({
  bos_token: special,
  eos_token: special,
  pad_token: special,
  unk_token: special,
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
})

/**
 * @param companions the model's files by name
 * @param wanted `tokenizer_default`, `chatml`, or the text of a template
 * @throws ConfigError when the model has none, or it is no template
 */
export function openChatTemplate(
  companions: ReadonlyMap<string, Uint8Array>,
  wanted = DEFAULT_TEMPLATE,
): ChatTemplate {
  const bytes = companions.get('tokenizer_config.json')!
  const config = parseJson(bytes, 'tokenizer_config.json', configSchema)
  const source = wanted === DEFAULT_TEMPLATE ? templateOf(companions, config) : wanted
  if (source === null) {
    throw new ConfigError(
      "Cannot write conversations as the model has no chat template: set 'chat_template' to " +
        "'chatml' or to the path of a .jinja file",
    )
  }
  const template = compile(templateText(source))
  const names = {
    ...{ bos_token: textOf(config.bos_token), eos_token: textOf(config.eos_token) },
    ...{ pad_token: textOf(config.pad_token), unk_token: textOf(config.unk_token) },
    [FIXED_DATE]: writeFixedDate,
  }
  return {
    render(messages, opens) {
      try {
        return template.render({ ...names, messages, add_generation_prompt: opens })
      } catch (error) {
        throw new ConfigError(`Cannot apply the chat template: ${(error as Error).message}`)
      }
    },
  }
}

/**
 * Templates that write today's date get this one, which Llama's fall back to: the same text makes
 * the same dataset on any day. The library declares strftime_now itself, and a name but once.
 */
const FIXED_DATE = 'fixed_date'
const DATE: ReadonlyMap<string, string> = new Map([
  ...([
    ['%Y', '2024'],
    ['%m', '07'],
    ['%d', '26'],
    ['%b', 'Jul'],
    ['%B', 'July'],
  ] as const),
  ...([
    ['%H', '00'],
    ['%M', '00'],
    ['%S', '00'],
    ['%A', 'Friday'],
    ['%a', 'Fri'],
  ] as const),
])
const writeFixedDate = (format: string): string =>
  format.replace(/%[A-Za-z%]/g, (part) => (part === '%%' ? '%' : (DATE.get(part) ?? part)))

/** What a name that run.yaml knows, or the text of a template itself, stands for. */
export const templateText = (wanted: string): string => (wanted === 'chatml' ? CHATML : wanted)

function compile(source: string): Template {
  try {
    return new Template(source.replaceAll('strftime_now', FIXED_DATE))
  } catch (error) {
    throw new ConfigError(`Cannot read the chat template: ${(error as Error).message}`)
  }
}

function templateOf(
  companions: ReadonlyMap<string, Uint8Array>,
  { chat_template: chat }: z.infer<typeof configSchema>,
): string | null {
  const file = companions.get(TEMPLATE_FILE)
  if (file !== undefined) return new TextDecoder().decode(file)
  if (!Array.isArray(chat)) return chat ?? null
  return chat.find(({ name }) => name === 'default')?.template ?? null
}

const textOf = (token: z.infer<typeof special>): string =>
  (typeof token === 'object' ? token?.content : token) ?? ''
