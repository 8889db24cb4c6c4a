/**
 * Chat templates that are known by a name, as axolotl calls them.
 * Sources: ChatML: openai-python, chatml.md; Llama 3: Meta's prompt format for instruct models.
 */

/** The name of the template that comes with the model's tokenizer. */
export const DEFAULT_TEMPLATE = 'tokenizer_default'

const OPENING = (text: string) => `{% if add_generation_prompt %}{{ '${text}' }}{% endif %}`

const TEMPLATES: Readonly<Record<string, string>> = {
  chatml:
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + " +
    "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}" +
    OPENING('<|im_start|>assistant\\n'),
  llama3:
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + " +
    "'<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}" +
    OPENING('<|start_header_id|>assistant<|end_header_id|>\\n\\n'),
}

export const TEMPLATE_NAMES: readonly string[] = [DEFAULT_TEMPLATE, ...Object.keys(TEMPLATES)]

/** Whether it can be meant as a template: a known name, a file, or the text of one. */
export function isTemplate(wanted: string): boolean {
  return TEMPLATE_NAMES.includes(wanted) || isTemplateFile(wanted) || wanted.includes('{')
}

export const isTemplateFile = (wanted: string): boolean => wanted.endsWith('.jinja')

/** The text that a name stands for; what is no name is a text itself. */
export const templateText = (wanted: string): string => TEMPLATES[wanted] ?? wanted
