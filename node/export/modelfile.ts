/**
 * The Modelfile that `ollama create` reads beside a GGUF: the template of a chat, and what ends an
 * answer. Ollama does not read Jinja; it knows many templates by heart, and these are given to be
 * sure.
 * Source: ollama, docs/modelfile.md and template/*.gotmpl.
 */
import type { ChatFormat } from '../model/gguf-tokenizer.ts'
import { MODEL_FILE } from './usage.ts'

/** A word that only one family's templates have, and the family's template for Ollama. */
const FAMILIES: readonly { mark: string; stop: string; template: string }[] = [
  {
    mark: '<|im_start|>',
    stop: '<|im_end|>',
    template: `{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
`,
  },
  {
    mark: '<|start_header_id|>',
    stop: '<|eot_id|>',
    template: `{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>

{{ .Content }}<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>

`,
  },
]
/** The text as it is, to be continued. */
const CONTINUE = '{{ .Prompt }}'

export function modelfile({ chatTemplate, stop }: ChatFormat): string {
  const family = FAMILIES.find(({ mark }) => chatTemplate?.includes(mark))
  const template = chatTemplate === null ? CONTINUE : family?.template
  const stops = new Set(family === undefined ? [stop] : [family.stop, stop])
  return [
    `FROM ./${MODEL_FILE}`,
    ...(template === undefined ? [] : [`TEMPLATE """${template}"""`]),
    ...[...stops].filter(isPlain).map((text) => `PARAMETER stop "${text}"`),
    '',
  ].join('\n')
}

/** A Modelfile has no way to write a quote or a line end in a parameter. */
const isPlain = (text: string) => text !== '' && !/["\\\p{Cc}]/u.test(text)
