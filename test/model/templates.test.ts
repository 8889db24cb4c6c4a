/**
 * Templates against the answers of Jinja2, which test/vectors/make-templates.py asked for: each
 * construct by itself, generated ones, and whole conversations in the templates of families.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { writeFixedDate } from '../../node/model/fixed-date.ts'
import { JinjaError } from '../../node/model/jinja/errors.ts'
import { compileTemplate } from '../../node/model/jinja/template.ts'
import { bytesOfJson } from './fixtures.ts'

const read = (path: string) => readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8')

interface Vectors {
  names: Record<string, unknown>
  small: [template: string, text: string | null][]
  chats: Record<string, [messages: unknown[], tools: unknown[] | null, opens: boolean]>
  whole: { template: string; chat: string; text: string | null }[]
}

/** A whole number that JavaScript cannot hold stays whole, as in Python. */
const wholeNumbers = (_: string, value: unknown, { source }: { source?: string }) =>
  typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(source!)
    ? BigInt(source!)
    : value
const { names, small, chats, whole }: Vectors = JSON.parse(
  read('templates.json'),
  wholeNumbers as Parameters<typeof JSON.parse>[1],
)

/** What it writes, or null where it refuses; `notDone`: it refuses what Jinja2 would do. */
function answer(source: string, given: Record<string, unknown>) {
  try {
    return { text: compileTemplate(source, writeFixedDate).render(given).text, notDone: null }
  } catch (error) {
    if (!(error instanceof JinjaError)) throw error
    const isLacking = error.message.includes('is not supported here')
    return { text: null, notDone: isLacking ? error.message.replace(/ is not.*/, '') : null }
  }
}

const ROWS_PER_TEST = 100
const notDone = new Set<string>()

for (let from = 0; from < small.length; from += ROWS_PER_TEST) {
  const rows = small.slice(from, from + ROWS_PER_TEST)
  test(`constructs ${from} to ${from + rows.length} are written, or refused, as by Jinja2`, () => {
    const found = rows.map(([source, expected]) => {
      const { text, notDone: lacking } = answer(source, names)
      if (lacking !== null && expected !== null) notDone.add(lacking)
      return [source, lacking === null ? text : expected]
    })
    expect(found).toEqual(rows)
  })
}

test('what Jinja2 would do and we refuse is nothing that a chat needs', () => {
  expect([...notDone].sort()).toEqual([
    "'trim' of a text that is marked safe",
    "'upper' of a text that is marked safe",
    'A path in a format',
    'Cutting a NoneType',
    'Cutting a bool',
    'Cutting a dict',
    'Cutting a float',
    'Cutting a int',
  ])
})

for (const { template, chat, text } of whole) {
  test(`${template}: ${chat}`, () => {
    const [messages, tools, opens] = chats[chat]!
    const given = {
      messages,
      tools,
      documents: null,
      add_generation_prompt: opens,
      bos_token: '<s>',
      eos_token: '</s>',
    }
    expect(answer(read(`templates/${template}`), given).text).toBe(text)
  })
}

describe('a template that would go on for ever', () => {
  const nested = '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'
  for (const [what, source, reason] of [
    ['loops in loops', nested, 'takes more than'],
    ['a text that doubles', doubling('s ~ s'), 'takes more than'],
    ['a list that doubles', doubling('s + s', '[1]'), 'takes more than'],
    ['a text of any width', "{{ 'a'.center(10 ** 12) }}", 'takes more than'],
    ['a number of any width', "{{ '%099999999999d' % 1 }}", 'takes more than'],
    ['many texts in one', "{{ ('a' * 9999999).replace('a', 'a' * 9999999) }}", 'takes more than'],
    ['a power', '{{ 9 ** (9 ** 9) }}', 'more than 16384 bits'],
    ['powers of powers', doubling('s * s', '3'), 'more than 16384 bits'],
    ['a macro in itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', 'within each other'],
    ['a sum of thousands', `{{ ${'1 + '.repeat(5000)}1 }}`, 'within each other'],
    ['brackets in brackets', `{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}`, 'within each other'],
    ['signs before signs', `{{ ${'-'.repeat(5000)}1 }}`, 'within each other'],
    ['ifs in ifs', '{% if a %}'.repeat(5000), 'within each other'],
    ['much text', `{% for i in range(9999) %}${'a'.repeat(9999)}{% endfor %}`, 'writes more than'],
    ['a source of any size', 'a'.repeat(2_000_000), 'has more than 1048576 letters'],
  ] as const) {
    test(`${what}: ends, by its own name`, () => {
      const file = new TextEncoder().encode(source)
      const companions = new Map([
        ['tokenizer_config.json', bytesOfJson({})],
        ['chat_template.jinja', file],
      ])
      const render = () => openChatTemplate(companions).render([], false)
      expect(render).toThrow(/^Cannot (apply|read) the model's chat template, chat_template.jinja/)
      expect(render).toThrow(reason)
    })
  }
})

function doubling(step: string, first = "'ab'"): string {
  const begin = `{% set n = namespace(s=${first}) %}{% for i in range(64) %}`
  return `${begin}{% set n.s = ${step.replaceAll('s', 'n.s')} %}{% endfor %}{{ n.s|length }}`
}

describe('what a template sees', () => {
  const render = (source: string, message: object, config: object = {}, map?: object): string => {
    const companions = new Map([['tokenizer_config.json', bytesOfJson(config)]])
    if (map !== undefined) companions.set('special_tokens_map.json', bytesOfJson(map))
    return openChatTemplate(companions, source).render([{ role: 'user', ...message }], false)
  }
  const message = '{{ messages[0] }}'
  for (const [what, source, given, expected] of [
    ['a field that is null is not there', message, { content: null }, "{'role': 'user'}"],
    [
      'thoughts go by the name that templates know',
      '{{ messages[0].reasoning_content }}{{ messages[0].thinking }}',
      { reasoning: 'Hm.' },
      'Hm.Hm.',
    ],
    ['there are no tools', '{{ tools is defined }}{{ tools is none }}', {}, 'TrueTrue'],
    ['no token is made up', '{{ bos_token is defined }}', {}, 'False'],
    ['a date is always the same', "{{ strftime_now('%d %b %Y') }}", {}, '26 Jul 2024'],
  ] as const) {
    test(what, () => expect(render(source, given)).toBe(expected))
  }

  test('tokens come from either file, the newer first', () => {
    const tokens = '{{ bos_token }}{{ eos_token }}'
    const map = { bos_token: '<old>', eos_token: { content: '<end>' } }
    expect(render(tokens, {}, { bos_token: '<s>' }, map)).toBe('<s><end>')
  })

  test('a number that JSON does not keep is refused', () =>
    expect(() => render(message, { id: 2 ** 60 })).toThrow('beyond 2^53'))

  test('a date in parts that nobody knows is refused', () =>
    expect(() => render("{{ strftime_now('%U') }}", {})).toThrow("strftime_now does not know '%U'"))

  test('an error tells the line', () => {
    const source = '{% for m in messages %}\n{{ m.content.upper() + 1 }}\n{% endfor %}'
    expect(() => render(source, { content: 'a' })).toThrow(/, line 2: '\+' takes no str and int$/)
  })
})

test('what a template says that the assistant writes is told, but not from within a macro', () => {
  const companions = new Map([['tokenizer_config.json', bytesOfJson({})]])
  const body = 'a{% generation %}{{ messages[0].content }}!{% endgeneration %}b'
  const said = [{ role: 'assistant', content: 'é😀' }]
  const direct = openChatTemplate(companions, `${body}${body}`).generated(said)
  expect(direct).toEqual({
    text: 'aé😀!baé😀!b',
    spans: [
      [1, 5],
      [7, 11],
    ],
  })
  const hidden = `{% set x %}${body}{% endset %}{{ x }}`
  expect(openChatTemplate(companions, hidden).generated(said)).toBeNull()
  expect(openChatTemplate(companions, 'a{{ messages }}').generated(said)).toBeNull()
})
