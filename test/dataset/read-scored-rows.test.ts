/** Rows that adapters are scored on: what they are in tokens, and what is refused of them. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type ReadScoredRows,
  readScoredRows,
  type ScoredSources,
} from '../../node/dataset/read-scored-rows.ts'
import { decodeScoredRows, extractAnswer } from '../../node/dataset/scored-rows.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import type { ChatTemplate } from '../../node/model/chat-template.ts'
import { openTokenizer } from '../../node/model/open-tokenizer.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { temporaryFolder } from '../model/fixtures.ts'

const tokenizer = await openTokenizer(EMBEDDED_MODEL)
const ids = (text: string) => [...tokenizer.encode(text)]

const TEMPLATE: ChatTemplate = {
  render: ([message], opens) => `<${message!.role}>${message!.content}${opens ? '<answer>' : ''}`,
  generated: () => null,
}

interface Given {
  choices?: readonly unknown[]
  generate?: readonly unknown[]
  split?: string
  delimiter?: string
  regex?: string
  chat?: boolean
  vocabularyRows?: number
  contextLength?: number
}

async function read(given: Given): Promise<ReadScoredRows> {
  const { choices, generate, split, delimiter = '', regex, chat = false } = given
  const folder = await temporaryFolder()
  for (const [name, rows] of Object.entries({ choices, generate })) {
    const lines = rows?.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)))
    if (lines !== undefined) await writeFile(join(folder, `${name}.jsonl`), lines.join('\n'))
  }
  const place = (path: string) => ({ path, split, apply_chat_template: chat })
  const sources: ScoredSources = {
    choices: choices ? { ...place('choices.jsonl'), target_delimiter: delimiter } : null,
    generate: generate ? { ...place('generate.jsonl'), max_new_tokens: 8, regex } : null,
  }
  const { vocabularyRows = 1e6, contextLength = 64 } = given
  const world = { folder, tokenizer, template: () => TEMPLATE, tell: () => {} }
  return readScoredRows(sources, { ...world, vocabularyRows, contextLength })
}

const QUESTION = { prompt: 'The people of the', choices: [' United States', ' é'], answer: 1 }
const PROMPT = { question: 'What?', answer: ' Nothing \n' }

test('questions and prompts become tokens, answers are trimmed', async () => {
  const given = await read({ choices: [QUESTION], generate: [PROMPT] })
  const rows = decodeScoredRows(given.blob)
  const [united, accent] = [ids(' United States'), ids(' é')]
  const prompt = ids('The people of the')
  expect(rows).toEqual({
    questions: [
      {
        prompt,
        choices: [
          { ids: united, bytes: 14 },
          { ids: accent, bytes: 3 },
        ],
        answer: 1,
      },
    ],
    prompts: [{ prompt: ids('What?'), answer: new TextEncoder().encode('Nothing') }],
    tokensMax: 8,
    stopIds: [...tokenizer.stopIds],
    regex: null,
  })
  const asked = ids('What?').length
  const longest = prompt.length + Math.max(united.length, accent.length)
  expect(given).toMatchObject({
    questions: 1,
    prompts: 1,
    contextTokens: Math.max(longest, asked + 8),
    readTokens: prompt.length + united.length + accent.length + asked,
    writtenTokensMax: 8,
    notes: [],
  })
})

for (const answer of [1, '1', ' é'] as const) {
  test(`the answer ${JSON.stringify(answer)} is the second choice`, async () => {
    const { blob } = await read({ choices: [{ ...QUESTION, answer }] })
    expect(decodeScoredRows(blob).questions[0]!.answer).toBe(1)
  })
}

test('a delimiter stands before a choice, and is none of its bytes', async () => {
  const { blob } = await read({ choices: [{ ...QUESTION, choices: ['a', 'b'] }], delimiter: ' ' })
  const [{ choices } = { choices: [] }] = decodeScoredRows(blob).questions
  expect(choices).toEqual([
    { ids: ids(' a'), bytes: 1 },
    { ids: ids(' b'), bytes: 1 },
  ])
})

test('a chat template writes the prompt up to where the answer begins', async () => {
  const { blob } = await read({ generate: [PROMPT], chat: true })
  const [first] = decodeScoredRows(blob).prompts
  expect(first!.prompt).toEqual(ids('<user>What?<answer>'))
})

test('an empty prompt is the end of the text before', async () => {
  const { blob } = await read({ choices: [{ ...QUESTION, prompt: '' }] })
  expect(decodeScoredRows(blob).questions[0]!.prompt).toEqual([tokenizer.eosId])
})

test('a regex takes the answer out of what is expected, where it matches there', async () => {
  const generate = [
    { prompt: 'Sum?', answer: 'It is 3.\n#### 72' },
    { prompt: 'Sum?', answer: 72 },
  ]
  const { blob } = await read({ generate, regex: '#### (\\-?[0-9]+)' })
  const answers = decodeScoredRows(blob).prompts.map(({ answer }) =>
    new TextDecoder().decode(answer),
  )
  expect(answers).toEqual(['72', '72'])
})

test('a regex that matches no expected answer is said, with one of them', async () => {
  const generate = [
    { prompt: 'Sum?', answer: 'It is 72.' },
    { prompt: 'Sum?', answer: 'None' },
  ]
  const [note, ...more] = (await read({ generate, regex: '#### ([0-9]+)' })).notes
  expect(more).toEqual([])
  expect(note).toMatch(
    /^eval_generate: its regex matches none of 2 expected answers, .* "It is 72."/,
  )
  expect((await read({ generate, regex: '([0-9]+)' })).notes).toEqual([])
  expect((await read({ generate })).notes).toEqual([])
})

test('fields that nobody looks at are named; of a split only its rows are read', async () => {
  const rows = [1, 2, 3].map((id) => ({ ...QUESTION, id, subject: 'law' }))
  const { questions, notes } = await read({ choices: rows, split: 'train[:2]' })
  expect(questions).toBe(2)
  expect(notes).toEqual(['eval_choices: 2 fields of its rows not looked at: id, subject.'])
})

const LONG = 'The people of the United States. '.repeat(20)
for (const [what, given, message] of [
  ['no row', { choices: [] }, "'choices.jsonl' (eval_choices) as there is no row"],
  ['too many', { generate: Array(1001).fill(PROMPT) }, 'as it has more than 1000 rows'],
  ['broken JSON', { choices: ['{"prompt": '] }, 'Cannot read choices.jsonl:1 as it must be JSON'],
  ['a list', { choices: [QUESTION, [1]] }, 'choices.jsonl:2 (eval_choices) as it has no fields'],
  ['no prompt', { choices: [{ ...QUESTION, prompt: 7 }] }, "as 'prompt' (or 'question') must be"],
  ['two prompts', { generate: [{ ...PROMPT, prompt: 'a' }] }, 'are both there'],
  ['one choice', { choices: [{ ...QUESTION, choices: ['a'] }] }, "'choices' must be a list of 2"],
  ['an empty choice', { choices: [{ ...QUESTION, choices: ['a', ''] }] }, "'choices' must be"],
  ['an answer that is no index', { choices: [{ ...QUESTION, answer: 2 }] }, "'answer' must be the"],
  ...[[], [1], {}, false, true, '', 'B', '01', ' é ', '2', 0.5, -1].map((answer) => [
    `the answer ${JSON.stringify(answer)}`,
    { choices: [QUESTION, { ...QUESTION, answer }] },
    "choices.jsonl:2 (eval_choices) as 'answer' must be the index",
  ]),
  [
    'an answer that may be either of two',
    { choices: [{ ...QUESTION, choices: ['1', '0'], answer: '1' }] },
    "'answer' must be the",
  ],
  [
    'a row with equal choices',
    { choices: [QUESTION, { ...QUESTION, choices: ['a', 'a'] }] },
    'choices.jsonl:2 (eval_choices) as two of its choices are the same',
  ],
  ['no answer', { choices: [{ ...QUESTION, answer: null }] }, "'answer' must be the index"],
  ['an answer of white space', { generate: [{ ...PROMPT, answer: ' ' }] }, 'more than white space'],
  ['a long answer', { generate: [{ ...PROMPT, answer: 'a'.repeat(4001) }] }, 'at most 4000'],
  [
    'a long prompt',
    { choices: [QUESTION, { ...QUESTION, prompt: LONG }] },
    /:2 .* 64 are the most/,
  ],
  ['a prompt without room to answer', { generate: [PROMPT], contextLength: 8 }, /8 are the most/],
  ['an unknown token', { generate: [PROMPT], vocabularyRows: 2 }, 'which the base has no row for'],
] as [string, Given, string | RegExp][]) {
  test(`${what} is refused, by file and row`, async () => {
    const refused = read(given)
    await expect(refused).rejects.toThrow(ConfigError)
    await expect(refused).rejects.toThrow(message)
  })
}

for (const [written, regex, answer] of [
  [' 42\n', null, '42'],
  ['I think 7, or 8', '[0-9]+', '7'],
  ['I think 7, or 8', 'or ([0-9]+)', '8'],
  ['Yes.\nNo.', '^\\s*(.*)', 'Yes.'],
  ['nothing', '[0-9]+', null],
  ['both', '(x)?both', 'both'],
  [`${' '.repeat(4000)}7`, '7', null],
] as const) {
  test(`of ${JSON.stringify(written.slice(-20))}, ${regex} takes ${answer}`, () => {
    expect(extractAnswer(written, regex)).toBe(answer)
  })
}
