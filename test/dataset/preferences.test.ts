/** Pairs and ratings of answers: what is the prompt, what is the answer, and what is refused. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { detectRated, type RatedKind, ratedOf } from '../../node/dataset/preferences.ts'
import { isBad } from '../../node/dataset/row.ts'
import { tokeniseExample } from '../../node/dataset/tokenise.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const tokeniser = tokenizerFromBytes(file('tokenizer.json'), file('tokenizer_config.json'))
const companions = new Map([['tokenizer_config.json', file('tokenizer_config.json')]])
const TEMPLATE = openChatTemplate(companions, 'chatml')
const EOS = tokeniser.decode([tokeniser.eosId])

const user = { role: 'user', content: 'Who?' }
const says = (content: string) => ({ role: 'assistant', content })

type Marked = { ids: Int32Array; learned: Uint8Array }
/** The prompt and the answer. */
const split = ({ ids, learned }: Marked) => [
  tokeniser.decode(ids.filter((_, i) => learned[i] === 0)),
  tokeniser.decode(ids.filter((_, i) => learned[i] === 1)),
]

/** The answers of a row, each with whether it is rejected; or what is wrong with the row. */
function answersOf(kind: RatedKind, value: unknown, leaveAside: string[] = []) {
  const example = ratedOf(kind, { name: 'a.jsonl:2', value }, leaveAside)
  const tokens = isBad(example) ? example : tokeniseExample(example, tokeniser, TEMPLATE)
  if (tokens === null) return null
  if (isBad(tokens)) return tokens.complaint
  let end = 0
  return tokens.answers!.map(({ length, isRejected }) => {
    const [from, to] = [end, end + length]
    end = to
    const ids = tokens.ids.subarray(from, to)
    return { isRejected, parts: split({ ids, learned: tokens.learned.subarray(from, to) }) }
  })
}

/** What is chosen comes first. */
function pairOf(value: unknown, leaveAside: string[] = []) {
  const answers = answersOf('pair', value, leaveAside)
  if (!Array.isArray(answers)) return answers
  expect(answers.map(({ isRejected }) => isRejected)).toEqual([false, true])
  return answers.map(({ parts }) => parts)
}

const TEXTS = [
  ['Who?', ` Me.${EOS}`],
  ['Who?', ` You.${EOS}`],
]
const ASKED = '<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n'
const MESSAGES = [
  [ASKED, 'Me.<|im_end|>\n'],
  [ASKED, 'You.<|im_end|>\n'],
]

describe('a pair is', () => {
  for (const [what, row, expected] of [
    ['texts', { prompt: 'Who?', chosen: ' Me.', rejected: ' You.' }, TEXTS],
    ['texts that begin alike', { chosen: 'Who? Me.', rejected: 'Who? You.' }, TEXTS],
    ['messages', { prompt: [user], chosen: [says('Me.')], rejected: [says('You.')] }, MESSAGES],
    [
      'messages that begin alike',
      { chosen: [user, says('Me.')], rejected: [user, says('You.')], id: 7 },
      MESSAGES,
    ],
    [
      'messages that begin with a prompt, said once more as a text',
      { prompt: 'Who?', chosen: [user, says('Me.')], rejected: [user, says('You.')] },
      MESSAGES,
    ],
    [
      'messages as texts of JSON',
      {
        chosen: JSON.stringify([user, says('Me.')]),
        rejected: JSON.stringify([user, says('You.')]),
      },
      MESSAGES,
    ],
    [
      'messages, and a message each that may follow',
      { messages: [user], chosen: says('Me.'), rejected: says('You.') },
      MESSAGES,
    ],
    [
      'messages, and what may be said',
      { prompt: [user], chosen: 'Me.', rejected: 'You.' },
      MESSAGES,
    ],
    [
      'texts that are lists in JSON, but not of messages',
      { prompt: 'Who?', chosen: '[1, 2]', rejected: '[{"role":"cook"}]' },
      [
        ['Who?', `[1, 2]${EOS}`],
        ['Who?', `[{"role":"cook"}]${EOS}`],
      ],
    ],
    [
      'texts of which one is a list in JSON, and what may be said',
      { prompt: [user], chosen: 'Me.', rejected: '[]' },
      [
        [ASKED, 'Me.<|im_end|>\n'],
        [ASKED, '[]<|im_end|>\n'],
      ],
    ],
    ['nothing where an answer is empty', { prompt: 'a', chosen: 'b', rejected: ' ' }, null],
  ] as const) {
    test(what, () => expect(pairOf(row)).toEqual(expected))
  }
  test('told with the fields that mean nothing', () => {
    const value = { prompt: 'Who?', chosen: ' Me.', rejected: ' You.', score_chosen: 9 }
    const pair = ratedOf('pair', { name: 'a.jsonl:2', value })
    expect(pair).toMatchObject({ name: 'a.jsonl:2', aside: ['score_chosen'] })
  })
  test('what it is with a field that is left aside', () => {
    const row = { prompt: 'Who?', chosen: ' Me.', rejected: ' You.', context: 'x' }
    expect(pairOf(row, ['context'])).toEqual(TEXTS)
    expect(pairOf(row)).toContain("'context'")
  })
})

describe('a pair is refused by its line:', () => {
  for (const [what, row, word] of [
    ['no object', 'a', "'chosen'"],
    ['one answer', { prompt: 'a', chosen: 'b' }, "'chosen' must be a text or a list"],
    [
      'a text and messages',
      { chosen: [user, says('a')], rejected: 'b' },
      "'rejected' must be what",
    ],
    [
      'a text and messages in JSON',
      { chosen: 'b', rejected: JSON.stringify([user, says('a')]) },
      "'chosen' must be a list of messages, as rejected",
    ],
    ['two that are alike', { prompt: 'a', chosen: 'b', rejected: 'b' }, 'another text than chosen'],
    ['texts that begin otherwise', { chosen: 'a', rejected: 'b' }, "'prompt' must be there"],
    ['messages that begin otherwise', { chosen: [says('a')], rejected: [says('b')] }, "'prompt'"],
    [
      'messages that are alike',
      { chosen: [user, says('a')], rejected: [user, says('a')] },
      'another answer than chosen',
    ],
    [
      'messages that the template writes alike',
      { prompt: [user], chosen: [says('Me.')], rejected: [{ ...says('Me.'), mood: 'sad' }] },
      'must differ in what is learned',
    ],
    ['an answer that is a beginning', { chosen: [user], rejected: [user, says('a')] }, "'chosen'"],
    [
      'another prompt than the messages have',
      { prompt: 'Why?', chosen: [user, says('a')], rejected: [user, says('b')] },
      "'prompt' must be what one of the messages says",
    ],
    [
      'an answer by somebody else',
      { prompt: 'a', chosen: [user, says('a')], rejected: [user, { role: 'assistant' }] },
      "'prompt'",
    ],
    [
      'a message that is none',
      { prompt: [user], chosen: [says('a')], rejected: [{ role: 'assistant', content: 5 }] },
      "'completion[0].content'",
    ],
  ] as const) {
    test(what, () => {
      expect(pairOf(row)).toContain('Cannot read a.jsonl:2 as ')
      expect(pairOf(row)).toContain(word)
    })
  }
})

describe('a rated answer is', () => {
  const rated = (value: unknown) => {
    const answers = answersOf('rating', value)
    if (!Array.isArray(answers)) return answers
    expect(answers).toHaveLength(1)
    return [!answers[0]!.isRejected, ...answers[0]!.parts]
  }
  for (const [label, isDesirable] of [
    [true, true],
    [1n, true],
    [false, false],
    [0, false],
  ] as const) {
    test(`${isDesirable ? '' : 'un'}desirable by ${typeof label} ${label}`, () =>
      expect(rated({ prompt: 'Who?', completion: ' Me.', label })).toEqual([
        isDesirable,
        'Who?',
        ` Me.${EOS}`,
      ]))
  }
  test('of messages', () =>
    expect(rated({ prompt: [user], completion: [says('Me.')], label: true })).toEqual([
      true,
      ASKED,
      'Me.<|im_end|>\n',
    ]))
  test('nothing where it is empty', () =>
    expect(rated({ prompt: 'a', completion: '', label: true })).toBeNull())
  for (const label of [undefined, null, 'yes', 2]) {
    test(`refused by ${label}`, () =>
      expect(rated({ prompt: 'a', completion: 'b', label })).toContain("'label' must be true or"))
  }
  test('refused where it is no pair of a prompt and a completion', () =>
    expect(rated({ prompt: 'a', label: true })).toContain("'prompt_completion'"))
})

for (const [row, kind] of [
  [{ chosen: 'a', rejected: 'b' }, 'pair'],
  [{ prompt: 'a', completion: 'b', label: true }, 'rating'],
] as const) {
  test(`${Object.keys(row).join(', ')} show a ${kind}`, () =>
    expect(detectRated({ name: 'a.jsonl:1', value: row })).toBe(kind))
}

test('a row that rates nothing is told by its place', () =>
  expect(() => detectRated({ name: 'a.jsonl:1', value: { text: 'a' } })).toThrow(
    "Cannot tell what a.jsonl:1 is as 'rl' learns from",
  ))
