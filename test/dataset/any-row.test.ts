/** Whatever a row is, it is an example or a bad row with its name: nothing is thrown. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { detectKind, exampleOf, KINDS } from '../../node/dataset/kinds.ts'
import { isBad } from '../../node/dataset/row.ts'
import { tokeniseExample } from '../../node/dataset/tokenise.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { ConfigError } from '../../protocol/index.ts'

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const tokenizer = tokenizerFromBytes(file('tokenizer.json'), file('tokenizer_config.json'))
const template = openChatTemplate(
  new Map([['tokenizer_config.json', file('tokenizer_config.json')]]),
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ m.tool_calls }};{% endfor %}{{ tools }}',
)

/** Values that a field may have, right ones among them. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    '',
    'user',
    'assistant',
    'gpt',
    'function_call',
    0,
    1,
    1n,
    true,
    null,
    '{"name":"a"}',
  ),
  fc.constant([{ type: 'text', text: 'a' }]),
  fc.constant([{ function: { name: 'a', arguments: '{}' } }]),
)
const of = (part: fc.Arbitrary<unknown>, names: readonly string[]) =>
  names.map((name) => [name, part] as const)
const MESSAGE = 'role from content value weight train tool_calls function_call name'.split(' ')
const message = fc.record(Object.fromEntries(of(value, MESSAGE)), { requiredKeys: [] })
const messages = fc.oneof(fc.array(fc.oneof(message, value), { maxLength: 4 }), value)
const LISTS = 'messages conversations prompt completion'.split(' ')
const OTHERS = 'instruction output input text system history tools chosen'.split(' ')
const row = fc.record(Object.fromEntries(of(messages, LISTS).concat(of(value, OTHERS))), {
  requiredKeys: [],
})

test('any row is learned, left out, or refused by its name', () => {
  fc.assert(
    fc.property(fc.oneof(row, fc.jsonValue()), (given) => {
      const named = { name: 'rows.jsonl:7', value: given }
      try {
        detectKind(named)
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError)
      }
      for (const kind of KINDS) {
        const example = exampleOf(kind, named)
        const one = isBad(example) ? example : tokeniseExample(example, tokenizer, template)
        if (one === null) continue
        expect(one.name).toBe('rows.jsonl:7')
        if (isBad(one)) expect(one.complaint).toMatch(/^Cannot read rows\.jsonl:7 as /)
        else expect(one.learned.length).toBe(one.ids.length)
      }
    }),
    { numRuns: 500 },
  )
})
