import { expect, test } from 'vitest'
import { modelfile } from '../../node/export/modelfile.ts'

const STOP = 'PARAMETER stop "<|endoftext|>"'

for (const [what, chatTemplate, stop, lines] of [
  ['a base that only goes on', null, '<|endoftext|>', ['TEMPLATE """{{ .Prompt }}"""', STOP]],
  [
    'ChatML',
    "{% for m in messages %}{{ '<|im_start|>' + m.role }}{% endfor %}",
    '<|im_end|>',
    ['TEMPLATE """{{- range .Messages }}<|im_start|>{{ .Role }}', 'PARAMETER stop "<|im_end|>"'],
  ],
  [
    'Llama 3',
    '<|start_header_id|>{{ role }}',
    '<|end_of_text|>',
    ['PARAMETER stop "<|eot_id|>"', 'PARAMETER stop "<|end_of_text|>"'],
  ],
] as const)
  test(`${what} has its template and its ends`, () => {
    const written = modelfile({ chatTemplate, stop }).split('\n')
    expect(written[0]).toBe('FROM ./model.gguf')
    for (const line of lines) expect(written).toContain(line)
  })

test('a template that is not known is left to Ollama', () =>
  expect(modelfile({ chatTemplate: '[INST]', stop: '</s>' })).toBe(
    'FROM ./model.gguf\nPARAMETER stop "</s>"\n',
  ))

test('an end that cannot be written is left out', () => {
  for (const stop of ['"', '\\', '\n', ''])
    expect(modelfile({ chatTemplate: '[INST]', stop })).toBe('FROM ./model.gguf\n')
})
