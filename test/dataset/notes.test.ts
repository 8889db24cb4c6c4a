/** What an organiser hears of rows that are bad, left out, or not all that they could be. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { notesOf } from '../../node/dataset/notes.ts'
import type { DatasetOptions } from '../../node/dataset/prepare.ts'
import { type DatasetEntry, openSource } from '../../node/dataset/sources.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { openChatTemplate } from '../../node/model/chat-template.ts'
import { tokenizerFromBytes } from '../../node/model/tokenizer.ts'
import { ConfigError } from '../../protocol/index.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { prepareDataset } from './prepare-dataset.ts'

const file = (name: string) => readFileSync(join(EMBEDDED_MODEL, name))
const tokenizer = tokenizerFromBytes(file('tokenizer.json'), file('tokenizer_config.json'))
const companions = new Map([['tokenizer_config.json', file('tokenizer_config.json')]])

const templateFrom = (source: string) =>
  openChatTemplate(
    new Map([['tokenizer_config.json', Buffer.from(JSON.stringify({ chat_template: source }))]]),
  )

const OPTIONS: DatasetOptions = {
  name: 'rows',
  sequenceLength: 64,
  sequencesPerShard: 8,
  validationSize: 0.1,
  seed: 1,
  layout: 'documents',
  longExamples: 'drop',
  badRows: 'refuse',
  template: openChatTemplate(companions, 'chatml'),
}

async function prepare(
  rows: readonly unknown[],
  options: Partial<DatasetOptions> = {},
  entry: Partial<DatasetEntry> = {},
) {
  const folder = await temporaryFolder()
  const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row)))
  writeFileSync(join(folder, 'rows.jsonl'), lines.join('\n'))
  const source = await openSource({ path: 'rows.jsonl', ...entry }, folder)
  return prepareDataset([source], tokenizer, { ...OPTIONS, ...options })
}

const DEDUPLICATE = "set 'dataset_exact_deduplication: true' to leave what is repeated out"

const pair = (i: number) => ({ prompt: `What is ${i}?`, completion: ` It is ${i}.` })
const pairs = (count: number) => Array.from({ length: count }, (_, i) => pair(i))
const chat = (fields: object = {}) => ({
  messages: [
    { role: 'user', content: 'Tide?' },
    { role: 'assistant', content: 'Two.', ...fields },
  ],
})

test('where all examples are longer than a sequence, it is said, and what to do', async () => {
  const rows = pairs(3).map((row) => ({ ...row, completion: ' It is long.'.repeat(60) }))
  const long = "3 more are longer than the 64 tokens of 'sequence_len' (rows.jsonl:1): raise it"
  const truncate = ", or set 'excess_length_strategy: truncate'"
  await expect(prepare(rows)).rejects.toThrow(long + truncate)
  const rated = rows.map(({ prompt, completion }) => ({ prompt, completion, label: true }))
  const answers = { layout: 'answers', sequenceLength: 128 } as const
  await expect(prepare(rated, answers, { rl: 'kto' })).rejects.toThrow(long + truncate)
  // Of these no more than the prompt is left.
  const asked = rows.map((row) => ({ ...row, prompt: 'What? '.repeat(60) }))
  const said = await prepare(asked, { longExamples: 'truncate' }).catch((thrown) => thrown)
  expect((said as Error).message).toMatch(/raise it$/)
})

describe('bad rows', () => {
  const rows = [pair(0), '{"prompt":', { prompt: 'a' }, pair(1), { prompt: 1, completion: 'b' }]
  test('are told of together, each with its line and culprit', async () => {
    const error = await prepare(rows).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    const lines = (error as Error).message.split('\n')
    expect(lines).toEqual([
      expect.stringMatching(/^Cannot read rows\.jsonl:2 as it must be JSON: /),
      expect.stringMatching(/^Cannot read rows\.jsonl:3 as .*\{"prompt":"a"\}$/),
      "Cannot read rows.jsonl:5 as 'prompt' must be a text: current value is 1",
      "Mend them, or set 'skip_bad_rows: true' in run.yaml to leave such rows out",
    ])
  })
  test('are told of ten at a time', async () => {
    const error = await prepare([pair(0), ...Array(30).fill('{')]).catch((thrown) => thrown)
    const lines = (error as Error).message.split('\n')
    expect(lines.filter((line) => line.includes('rows.jsonl:')).length).toBe(10)
    expect(lines.at(-2)).toBe('There may be more.')
  })
  test('are left out where run.yaml says so, and counted', async () => {
    const dataset = await prepare([...rows, ...pairs(4)], { badRows: 'skip' })
    expect(dataset.documents).toBe(6)
    expect(notesOf(dataset)[0]).toBe(
      "3 rows are left out, as 'skip_bad_rows' says (rows.jsonl:2, rows.jsonl:3, rows.jsonl:5)",
    )
  })
  test('may be all there are', async () => {
    const error = await prepare(['{', '[', '"']).catch((thrown: unknown) => thrown)
    expect((error as Error).message.match(/rows\.jsonl:\d as it must be JSON/g)?.length).toBe(3)
  })
  test('may be the first', async () =>
    expect(
      (await prepare([...Array(12).fill('{'), ...pairs(2)], { badRows: 'skip' })).documents,
    ).toBe(2))
  test('that are nested without end are such', async () => {
    const nested = `{"text":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    await expect(prepare([pair(0), nested])).rejects.toThrow('rows.jsonl:2 as its lists')
  })
})

describe('a note tells', () => {
  const check = async (expected: string, ...given: Parameters<typeof prepare>) => {
    expect(notesOf(await prepare(...given))).toContain(expected)
  }
  test('nothing where all is learned', async () =>
    expect(notesOf(await prepare(pairs(3)))).toEqual([]))
  test('where examples without anything to learn are', () =>
    check('2 examples are left out, with nothing to learn (rows.jsonl:1, rows.jsonl:4)', [
      { messages: [] },
      chat(),
      chat({ name: 'I' }),
      { messages: chat().messages.slice(0, 1) },
    ]))
  test('where the first of many are', () =>
    check(
      `12 examples are left out, with nothing to learn (${[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        .map((line) => `rows.jsonl:${line}`)
        .join(', ')} and 2 more)`,
      [...Array(12).fill({ prompt: 'a', completion: '' }), ...pairs(2)],
    ))
  test('which examples lose their end', () =>
    check(
      '1 example loses what is after 64 tokens (rows.jsonl:2)',
      [pair(0), { prompt: 'a', completion: ' b'.repeat(100) }],
      { longExamples: 'truncate' },
    ))
  test('which pairs are alike up to where they are cut', () => {
    const long = { prompt: 'a', chosen: `${' b'.repeat(100)} c`, rejected: `${' b'.repeat(100)} d` }
    const rows = [0, 1, 2].map((i) => ({
      prompt: `What is ${i}?`,
      chosen: ' It.',
      rejected: ' No.',
    }))
    return check(
      '1 pair is left out, with answers that are alike in their first 64 tokens: ' +
        "raise 'sequence_len' (rows.jsonl:2)",
      [rows[0], long, rows[1], rows[2]],
      { layout: 'answers', sequenceLength: 128, longExamples: 'truncate' },
      { rl: 'dpo' },
    )
  })
  test('which fields of rows are left aside, once', () =>
    check('Left aside of the rows: id, source', [
      { ...pair(0), id: 1 },
      { ...pair(1), id: 2, source: 'here' },
    ]))
  test('which fields of messages the template does not write', () =>
    check('Not written by the chat template: name', [chat({ name: 'I' }), chat()]))
  test('that one is held out where none is asked for', () =>
    check('1 sequence is held out all the same, to tell whether it learns', pairs(3), {
      validationSize: 0,
    }))
  test('how much is held out, where that is far more than was asked for', () => {
    const long = { text: 'It is long. '.repeat(400) }
    const rows = [long, long, ...Array.from({ length: 8 }, (_, i) => ({ text: `${i}` }))]
    return check(
      "50 % of the sequences are held out, where 'val_set_size' asks for 20 % of the examples: " +
        'some are far longer than others',
      rows,
      { validationSize: 0.2, seed: 2 },
    )
  })
  test('which words beside calls it does not write', () => {
    const source =
      '{% for m in messages %}{{ m.role }}{% if m.tool_calls %}{{ m.tool_calls[0].name }}' +
      '{% else %}{{ m.content }}{% endif %};{% endfor %}'
    const rows = [chat({ content: 'Let me look.', tool_calls: [{ name: 'tide' }] }), chat()]
    return check('Not written by the chat template: content beside tool_calls', rows, {
      template: templateFrom(source),
    })
  })
  test('whose turns are read, and not learned, though nobody knows them', () => {
    const [, answered] = chat().messages
    const rows = [{ messages: [{ role: 'Assistant', content: 'Me.' }, answered] }, chat()]
    return check("Read, and not learned, as it is no assistant's: what 'Assistant' say", rows)
  })
  test('which examples are held out and trained on', () =>
    check(
      '1 held-out example is trained on, too, word for word, so the held-out loss looks better ' +
        `than it is: ${DEDUPLICATE} (rows.jsonl:1)`,
      [pair(0), pair(0)],
      { seed: 3 },
    ))
  test('which are there more than once', () =>
    check(
      `2 examples are there more than once: ${DEDUPLICATE} (rows.jsonl:2, rows.jsonl:3)`,
      [pair(0), pair(0), pair(0), pair(1)],
      { seed: 11 },
    ))
  test('which of them are left out where run.yaml says so', () =>
    check(
      '2 examples are left out, there already word for word (rows.jsonl:2, rows.jsonl:4)',
      [pair(0), pair(0), pair(1), pair(1), pair(2)],
      { isDeduplicated: true },
    ))
  test('of rows without a weight that they are left out', () =>
    check('1 example is left out, with nothing to learn (rows.jsonl:2)', [
      pair(0),
      { ...pair(1), weight: 0 },
      { ...pair(2), weight: 1 },
    ]))
  test('how much of an epoch is of weights', () =>
    check(
      "An epoch has 18 sequences as 'weight' has it, and 9 with each of them once",
      pairs(10).map((row) => ({ ...row, completion: row.completion.padEnd(45, '!') })),
      {},
      { weight: 2 },
    ))
  test('which texts are there more than once', () =>
    check(
      '2 texts are there more than once, so the held-out loss may look better than it is: ' +
        `${DEDUPLICATE} (rows.jsonl:2, rows.jsonl:4)`,
      ['a', 'a', 'b', 'a'].map((letter) => ({ text: letter.repeat(200) })),
      { layout: 'stream' },
    ))
})

describe('what changes the lesson, and the template does not write, is refused', () => {
  for (const [field, row, advice] of [
    ['tools', { tools: [{ name: 'tide' }], ...chat() }, 'leave_aside: [tools]'],
    ['reasoning_content', chat({ reasoning_content: 'Hm.' }), 'leave_aside: [reasoning_content]'],
  ] as const) {
    test(field, async () => {
      const error = await prepare([chat(), row, row]).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(ConfigError)
      for (const word of [`'${field}' of 2 rows`, 'rows.jsonl:2', advice]) {
        expect((error as Error).message).toContain(word)
      }
    })
  }
  test('tool_calls', async () => {
    const call = { content: '', tool_calls: [{ function: { name: 'tide', arguments: '{}' } }] }
    await expect(prepare([chat(), chat(call)])).rejects.toThrow('each of the tool_calls')
  })
  test('tools, though another row shows them', async () => {
    const source =
      "{% for m in messages %}{% if m.role == 'system' and tools %}{{ tools | length }}" +
      '{% endif %}' +
      '{{ m.role }}{{ m.content }};{% endfor %}'
    const tools = [{ name: 'tide' }]
    const rows = [
      { tools, messages: [{ role: 'system', content: 'Be brief.' }, ...chat().messages] },
      { tools, messages: chat().messages },
    ]
    const template = templateFrom(source)
    const prepared = prepare(rows, { template })
    await expect(prepared).rejects.toThrow("'tools' of a row (rows.jsonl:2)")
  })
  test('unless run.yaml leaves it aside, which is told', async () => {
    const rows = [chat(), { tools: [{ name: 'tide' }], ...chat() }]
    const dataset = await prepare(rows, {}, { leave_aside: ['tools'] })
    expect(notesOf(dataset)).toContain('Left aside of the rows: tools')
  })
})
