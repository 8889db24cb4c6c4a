/** What ends an answer: of a base that ends a text with one token and a turn with another. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeStops } from '../../node/export/stops.ts'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { withStops } from '../../node/model/stops.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { bytesOfJson, temporaryFolder } from './fixtures.ts'

const LETTERS = ['a', '!', '#', ' ', '\n', ...'userasistntmodl:END|>'.split('')]
const VOCAB = Object.fromEntries([...new Set(LETTERS)].map((letter, id) => [letter, id]))
const SIZE = Object.keys(VOCAB).length
const ADDED = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<eot>'].map((content, i) => ({
  id: SIZE + i,
  content,
  special: true,
}))
const [EOS, , IM_END, EOT] = ADDED.map(({ id }) => id)
const TOKENIZER = bytesOfJson({
  added_tokens: ADDED,
  model: { type: 'BPE', vocab: VOCAB, merges: [] },
})
const CONFIG = { eos_token: '<|endoftext|>' }

const each = (turn: string) => `{% for m in messages %}${turn}{% endfor %}`
for (const [what, files, template, expected] of [
  ['nothing but the end of a text', {}, null, [EOS]],
  ['one id in generation_config.json', { 'generation_config.json': 7 }, null, [EOS, 7]],
  ['a list there', { 'generation_config.json': [EOS, EOT] }, null, [EOS, EOT]],
  ['null there', { 'generation_config.json': null }, null, [EOS]],
  ['config.json', { 'config.json': EOT }, null, [EOS, EOT]],
  ['both files', { 'generation_config.json': EOS, 'config.json': EOT }, null, [EOS]],
  ['ChatML', {}, 'chatml', [EOS, IM_END]],
  ['an end after a space', {}, each('{{ m.content }} <eot>\n'), [EOS, EOT]],
  ['an end in words', {}, each('{{ m.content }}\n#END<eot>'), [EOS]],
  ['no end', {}, each('{{ m.content }}'), [EOS]],
  ['a template that refuses', {}, "{{ raise_exception('no') }}", [EOS]],
] as const) {
  test(`${what}: stops at ${expected.join(' and ')}`, () => {
    const companions = new Map([['tokenizer_config.json', bytesOfJson(CONFIG)]])
    for (const [name, eos_token_id] of Object.entries(files)) {
      companions.set(name, bytesOfJson({ eos_token_id }))
    }
    const tokenizer = tokenizerFromBytes(TOKENIZER, bytesOfJson(CONFIG))
    const chat = template === null ? null : openChatTemplate(companions, template)
    expect(withStops(tokenizer, companions, chat).stopIds).toEqual(expected)
  })
}

for (const [what, generation, expected] of [
  ['no generation_config.json', null, { eos_token_id: [EOS, IM_END] }],
  [
    'one that names fewer',
    { eos_token_id: EOS, top_k: 5 },
    { eos_token_id: [EOS, IM_END], top_k: 5 },
  ],
  ['one that names all', { eos_token_id: [IM_END, EOS, 3] }, null],
] as const) {
  test(`a base with ${what} is taken home with its ends`, async () => {
    const [base, out] = [await temporaryFolder(), await temporaryFolder()]
    await mkdir(base, { recursive: true })
    const chat_template = each('<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n')
    await writeFile(join(base, 'config.json'), '{}')
    await writeFile(join(base, 'tokenizer.json'), TOKENIZER)
    const config = Object.assign({ chat_template }, CONFIG)
    await writeFile(join(base, 'tokenizer_config.json'), JSON.stringify(config))
    const path = join(base, 'generation_config.json')
    if (generation !== null) await writeFile(path, JSON.stringify(generation))
    await writeStops(base, out)
    const written = await readFile(join(out, 'generation_config.json'), 'utf8').catch(() => 'null')
    expect(JSON.parse(written)).toEqual(expected)
  })
}
