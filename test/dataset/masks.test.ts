/** Which tokens axolotl's keys let be learned, against transformers' own masks. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exampleOf } from '../../node/dataset/kinds.ts'
import { isBad } from '../../node/dataset/row.ts'
import { openSource } from '../../node/dataset/sources.ts'
import { tokeniseExample } from '../../node/dataset/tokenise.ts'
import { type TurnKeys, turnChoice } from '../../node/dataset/turn-keys.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { bytesOfJson, temporaryFolder } from '../model/fixtures.ts'

/** Made by test/vectors/make-masks.py. */
const VECTORS: {
  marks: string[]
  templates: Record<string, string>
  cases: {
    template: string
    row: { messages: object[] }
    keys: TurnKeys & { message_field_training?: string }
    ids: number[]
    mask: string
  }[]
} = JSON.parse(readFileSync(new URL('../vectors/masks.json', import.meta.url), 'utf8'))

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const embedded = JSON.parse(file('tokenizer.json').toString())
const [eos] = embedded.added_tokens
const words = Object.keys(embedded.model.vocab).length
const tokenizer = tokenizerFromBytes(
  bytesOfJson({
    ...embedded,
    added_tokens: embedded.added_tokens.concat(
      VECTORS.marks.map((content, i) => ({ ...eos, id: words + i, content })),
    ),
  }),
  file('tokenizer_config.json'),
)

const templateFrom = (source: string) =>
  openChatTemplate(new Map([['tokenizer_config.json', bytesOfJson({ chat_template: source })]]))

async function exampleIn(row: object, keys: object) {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, 'rows.jsonl'), JSON.stringify(row))
  const source = await openSource({ path: 'rows.jsonl', ...keys }, folder)
  for await (const example of source.examples()) return example
  throw new Error('there is no row')
}

for (const name of Object.keys(VECTORS.templates)) {
  const template = templateFrom(VECTORS.templates[name]!)
  test(`with the template '${name}' as transformers masks them`, async () => {
    for (const { template: own, row, keys, ids, mask } of VECTORS.cases) {
      if (own !== name) continue
      const { message_field_training: field } = keys
      const isFlagged = field !== undefined && row.messages.some((message) => field in message)
      // A field that no row has is refused.
      const { message_field_training: _, ...others } = keys
      const example = await exampleIn(row, isFlagged ? keys : others)
      if (isBad(example)) throw new Error(example.complaint)
      const one = tokeniseExample(example, tokenizer, template)
      if (one === null || isBad(one)) throw new Error(one?.complaint ?? 'nothing is learned')
      const about = JSON.stringify([row, keys])
      expect([...one.ids], about).toEqual(ids)
      expect(one.learned.join(''), about).toBe(mask)
    }
  })
}

test('every template has cases for every value of the keys', () => {
  const seen = new Set(
    VECTORS.cases.map(({ template, keys }) => `${template} ${keys.train_on_eos}`),
  )
  expect(seen.size).toBe(4 * Object.keys(VECTORS.templates).length)
})

const said = [
  { role: 'user', content: 'Who?' },
  { role: 'assistant', content: '<think>Hm.</think>\n\nMe.' },
]
const CHATML = templateFrom(VECTORS.templates.chatml!)

type Keys = Parameters<typeof turnChoice>[0]

/** The text, with what is learned in brackets. */
function learnedOf(row: object, keys: Keys, template = CHATML, aside: string[] = []): string {
  const kind = 'prompt' in row ? 'prompt_completion' : 'chat_template'
  const example = exampleOf(kind, { name: 'x', value: row }, aside, turnChoice(keys))
  if (isBad(example)) return example.complaint
  const one = tokeniseExample(example, tokenizer, template)
  if (one === null) return 'nothing'
  if (isBad(one)) return one.complaint
  let text = ''
  for (const [i, id] of one.ids.entries()) {
    if (one.learned[i] === 1 && one.learned[i - 1] !== 1) text += '['
    text += tokenizer.decode([id])
    if (one.learned[i] === 1 && one.learned[i + 1] !== 1) text += ']'
  }
  return text
}

describe('with the keys of a dataset', () => {
  const user = '<|im_start|>user\n'
  const assistant = '<|im_start|>assistant\n'
  const end = '<|im_end|>\n'
  for (const [what, row, keys, expected] of [
    [
      'thoughts go to the template, which may write them elsewhere',
      { messages: said },
      { split_thinking: true },
      'THOUGHTS',
    ],
    [
      'what is asked is learned, too',
      { messages: said.slice(0, 1).concat({ role: 'assistant', content: 'Me.' }) },
      { train_on_inputs: true },
      `${user}[Who?${end}]${assistant}[Me.${end}]`,
    ],
    [
      'a prompt is learned, too',
      { prompt: 'Who? ', completion: 'Me.' },
      { train_on_inputs: true },
      '[Who? Me.<|endoftext|>]',
    ],
    [
      'a prompt of messages is learned, too',
      {
        prompt: [{ role: 'user', content: 'Who?' }],
        completion: [{ role: 'bot', content: 'Me.' }],
      },
      { train_on_inputs: true, roles: { assistant: ['bot'] } },
      `${user}[Who?${end}]${assistant}[Me.${end}]`,
    ],
    [
      'a role of the rows may be one of the template',
      { messages: [said[0], { role: 'bot', content: 'Me.' }] },
      { roles: { assistant: ['bot'] } },
      `${user}Who?${end}${assistant}[Me.${end}]`,
    ],
    [
      'a role that is learned is known by the name that the rows have for it',
      { messages: [{ role: 'human', content: 'Who?' }] },
      { roles_to_train: ['human'] },
      `${user}[Who?${end}]`,
    ],
    [
      'what the system says may be dropped',
      {
        messages: [
          { role: 'system', content: 'Be brief.' },
          said[0],
          { role: 'gpt', content: 'Me.' },
        ],
      },
      { drop_system_message: true },
      `${user}Who?${end}${assistant}[Me.${end}]`,
    ],
  ] as const) {
    test(what, () => {
      const thinks = templateFrom(VECTORS.templates.tools!)
      const isThought = expected === 'THOUGHTS'
      expect(learnedOf(row, keys as object, isThought ? thinks : CHATML)).toBe(
        isThought ? `${user}Who?${end}${assistant}[<think>\nHm.\n</think>\n\nMe.${end}]` : expected,
      )
    })
  }
  for (const [what, row, keys, word] of [
    [
      'thoughts after the answer',
      { messages: [said[0], { role: 'assistant', content: 'Me.<think>Hm.</think>' }] },
      { split_thinking: true },
      'thoughts in <think>',
    ],
    [
      'thoughts said twice',
      { messages: [{ ...said[1], reasoning_content: 'Well.' }] },
      { split_thinking: true },
      "as there is 'reasoning_content'",
    ],
    [
      'a user to be learned, unless a key says so',
      { messages: [{ ...said[0], train: true }, said[1]] },
      {},
      "'message_field_training'",
    ],
    [
      'a role not to be learned that asks for it by weight',
      { messages: [{ ...said[0], weight: 1 }, said[1]] },
      { message_field_training: 'train' },
      "'messages[0].weight' must be 0",
    ],
  ] as const) {
    test(`${what}: refused in words`, () => expect(learnedOf(row, keys)).toContain(word))
  }
  test('an end that the template does not show is refused in words', () => {
    const counts = templateFrom('{% for m in messages %}{{ m.content | length }};{% endfor %}')
    expect(learnedOf({ messages: said }, { train_on_eos: 'none' }, counts)).toContain(
      'where answers are and end',
    )
  })
})

describe('a key is refused', () => {
  for (const [what, row, keys, word] of [
    [
      'about turns, of rows that have none',
      { text: 'a' },
      { train_on_eos: 'last' },
      "'train_on_eos' is for",
    ],
    [
      'that names a field which no row has',
      { messages: said },
      { message_field_training: 'lern' },
      "no row of it has 'lern', which 'message_field_training' names",
    ],
    [
      'that names tools which no row has',
      { messages: said },
      { field_tools: 'tolls' },
      "which 'field_tools' names",
    ],
    [
      'that names a property which no message has',
      { messages: said },
      { message_property_mappings: { tool_calls: 'calls' } },
      "which 'message_property_mappings.tool_calls' names",
    ],
    [
      'that names a role which nobody has',
      { messages: said },
      { roles_to_train: ['assistant', 'asistant'] },
      "no row of it has 'asistant', which 'roles_to_train' names",
    ],
  ] as const) {
    test(what, async () => {
      const read = async () => {
        const folder = await temporaryFolder()
        writeFileSync(join(folder, 'rows.jsonl'), JSON.stringify(row))
        const source = await openSource({ path: 'rows.jsonl', ...(keys as object) }, folder)
        for await (const example of source.examples()) if (isBad(example)) return example
      }
      await expect(read()).rejects.toThrow(word)
    })
  }
})

test('of type sharegpt, flags may be named, too', async () => {
  const conversations = [
    { from: 'human', value: 'Who?', learn: true },
    { from: 'gpt', value: 'Me.', learn: false },
  ]
  const names = { role: 'from', content: 'value' }
  const keys = { message_field_training: 'learn', message_property_mappings: names }
  for (const type of ['sharegpt', 'chat_template', undefined]) {
    const example = await exampleIn({ conversations }, { ...keys, type })
    expect(example).toMatchObject({ type: 'chat', learned: [true, false] })
  }
})

test('thoughts, tools and other properties may have names of their own', async () => {
  const row = {
    messages: [{ who: 'bot', what: 'Me.', mind: 'Hm.', id: '7' }],
    toolbox: '[{"name":"tide"}]',
  }
  const keys = {
    field_tools: 'toolbox',
    field_thinking: 'mind',
    message_property_mappings: { role: 'who', content: 'what', tool_call_id: 'id' },
    roles: { assistant: ['bot'] },
  }
  expect(await exampleIn(row, keys)).toMatchObject({
    messages: [{ role: 'assistant', content: 'Me.', reasoning_content: 'Hm.', tool_call_id: '7' }],
    variables: { tools: [{ function: { name: 'tide' } }] },
  })
})

const CALLED = {
  tools: [{ type: 'function', function: { name: 'tide', parameters: '{"type":"object"}' } }],
  messages: JSON.stringify([
    { role: 'user', content: 'Tide?' },
    {
      role: 'assistant',
      content: '',
      tool_calls: [{ type: 'function', function: { name: 'tide', arguments: { at: 'noon' } } }],
    },
    { role: 'tool', content: '2 m' },
    { role: 'assistant', content: 'Two.' },
  ]),
}
const THOUGHT = { messages: [said[0], said[1], said[0], said[1]] }
const QWEN_CALL = '<tool_call>\n{"name": "tide", "arguments": {"at": "noon"}}\n</tool_call>'
const LLAMA_CALL = '{"name": "tide", "parameters": {"at": "noon"}}'
const IM_END = '<|im_end|>\n'

describe("as a model's own template writes it, of", () => {
  const NO_END = { train_on_eos: 'none' } as const
  const WITH_TOOLS = { roles_to_train: ['assistant', 'tool'], train_on_eos: 'last' } as const
  for (const [name, what, row, keys, expected] of [
    ['qwen2.5', 'calls', CALLED, {}, [QWEN_CALL + IM_END, `Two.${IM_END}`]],
    ['qwen2.5', 'calls without ends', CALLED, NO_END, [QWEN_CALL, 'Two.']],
    ['qwen2.5', 'what tools say', CALLED, WITH_TOOLS, [QWEN_CALL, '2 m', `Two.${IM_END}`]],
    ['qwen3', 'calls', CALLED, {}, [QWEN_CALL + IM_END, `<think>\n\n</think>\n\nTwo.${IM_END}`]],
    [
      'qwen3',
      'thoughts, which it writes in the last turn',
      THOUGHT,
      { split_thinking: true },
      [`Me.${IM_END}`, `<think>\nHm.\n</think>\n\nMe.${IM_END}`],
    ],
    ['llama-3.1', 'calls', CALLED, {}, [`${LLAMA_CALL}<|eot_id|>`, 'Two.<|eot_id|>']],
    ['llama-3.1', 'calls without ends', CALLED, NO_END, [LLAMA_CALL, 'Two.']],
    ['llama-3.1', 'what tools say', CALLED, WITH_TOOLS, [LLAMA_CALL, '2 m', 'Two.<|eot_id|>']],
  ] as const) {
    test(`${name}: ${what}`, () => {
      const path = new URL(`../vectors/templates/${name}.jinja`, import.meta.url)
      const text = learnedOf(row, keys as object, templateFrom(readFileSync(path, 'utf8')))
      const places = expected.map((part) => text.indexOf(`[${part}]`))
      expect(
        places.every((place) => place >= 0),
        text,
      ).toBe(true)
      const rest = expected.reduce((left, part) => left.replace(`[${part}]`, ''), text)
      // What is left has brackets of its own in no place but that of tools.
      expect(rest.split('<|im_start|>assistant').slice(1).join('')).not.toMatch(/\[.+\]/)
    })
  }
  test('the tool is written with its parameters as they are', () => {
    const path = new URL('../vectors/templates/qwen3.jinja', import.meta.url)
    const text = learnedOf(CALLED, {}, templateFrom(readFileSync(path, 'utf8')))
    expect(text).toContain('"parameters": {"type": "object"}')
  })
})

test('thoughts that are split off may be left aside', () => {
  const keys = { split_thinking: true }
  const [user, assistant] = ['<|im_start|>user\n', '<|im_start|>assistant\n']
  expect(learnedOf({ messages: said }, keys, CHATML, ['reasoning_content'])).toBe(
    `${user}Who?${IM_END}${assistant}[Me.${IM_END}]`,
  )
})
