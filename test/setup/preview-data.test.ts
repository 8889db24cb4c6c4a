/** What an organiser is told of the data: each source, what is learned, what is left out. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { locateRun } from '../../node/setup/locate-run.ts'
import { previewData } from '../../node/setup/preview-data.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { temporaryFolder } from '../model/fixtures.ts'

const CHAT = { role: 'user', content: 'Who?' }
const FILES: Record<string, unknown[]> = {
  'pairs.jsonl': [
    { prompt: 'Who?', completion: ' ' },
    { prompt: 'Who? ', completion: 'Ishmael.' },
    { prompt: 'What? ', completion: 'A whale.' },
    { prompt: 'Where? ', completion: 'at sea '.repeat(40) },
  ],
  'chats.jsonl': [
    { messages: [CHAT, { role: 'assistant', content: 'Queequeg.' }] },
    { messages: [CHAT] },
  ],
}

const YAML = `name: sea
datasets:
  - path: pairs.jsonl
  - path: chats.jsonl
    type: chat_template
sequence_len: 64
`

async function preview(yaml: string) {
  const folder = await temporaryFolder()
  for (const [name, rows] of Object.entries(FILES)) {
    writeFileSync(join(folder, name), rows.map((row) => JSON.stringify(row)).join('\n'))
  }
  return previewData(await locateRun(parseRunYaml(yaml, join(folder, 'run.yaml')), null), 1)
}

test('each source has its kind, counts and first examples', async () => {
  const { sources } = await preview(`${YAML}chat_template: chatml\n`)
  expect(sources).toMatchObject([
    { path: 'pairs.jsonl', kind: 'prompt_completion', isDetected: true, count: 3, empty: 1 },
    { path: 'chats.jsonl', kind: 'chat_template', isDetected: false, count: 1, empty: 1 },
  ])
  const [first] = sources[0]!.examples
  expect(sources[0]!.examples.length).toBe(1)
  expect(first!.name).toBe('pairs.jsonl:2')
  expect(first!.parts.map(({ text, isLearned }) => [text, isLearned])).toEqual([
    ['Who?', false],
    [' Ishmael.<|endoftext|>', true],
  ])
  const tokens = first!.parts.map((part) => part.tokens)
  expect(first!.tokens).toBe(tokens[0]! + tokens[1]!)
  expect(first!.learnedTokens).toBe(tokens[1])
})

for (const [rl, row, marks] of [
  ['dpo', { prompt: 'Who?', chosen: ' Ishmael.', rejected: ' Ahab.' }, ['chosen', 'rejected']],
  ['kto', { prompt: 'Who?', completion: ' Ishmael.', label: true }, ['label true']],
  ['kto', { prompt: 'Who?', completion: ' Ahab.', label: false }, ['label false']],
] as const) {
  test(`${rl}: each part says that it is of ${marks.join(', or ')}`, async () => {
    const folder = await temporaryFolder()
    writeFileSync(join(folder, 'rated.jsonl'), `${JSON.stringify(row)}\n`.repeat(20))
    const yaml = `name: sea\nrl: ${rl}\ndatasets: [{ path: rated.jsonl }]\nsequence_len: 64\n`
    const run = await locateRun(parseRunYaml(yaml, join(folder, 'run.yaml')), null)
    const [
      {
        examples: [example],
      } = { examples: [] },
    ] = (await previewData(run, 1)).sources
    const end = '<|endoftext|>'
    const said = Object.values(row)
      .filter((text) => typeof text === 'string')
      .slice(1)
    expect(example!.parts.map(({ text, isLearned, answer }) => [answer, text, isLearned])).toEqual(
      marks.flatMap((mark, i) => [
        [mark, 'Who?', false],
        [mark, `${said[i]}${end}`, true],
      ]),
    )
  })
}

test('what is left out is told, and lengths are counted', async () => {
  const { dataset, notes, lengths } = await preview(`${YAML}chat_template: chatml\n`)
  expect(dataset.dropped).toEqual({
    empty: { count: 2, names: ['pairs.jsonl:1', 'chats.jsonl:2'] },
    long: { count: 1, names: ['pairs.jsonl:4'] },
    bad: { count: 0, names: [] },
    files: { count: 0, names: [] },
    repeated: { count: 0, names: [] },
    alike: { count: 0, names: [] },
    tailTokens: 0,
  })
  expect(notes).toEqual([
    expect.stringMatching(/^2 examples are left out, with nothing to learn/),
    expect.stringMatching(
      /^1 example is left out, longer than 64 tokens: .*truncate.* \(pairs\.jsonl:4\)$/,
    ),
  ])
  expect(lengths.reduce((sum, { examples }) => sum + examples, 0)).toBe(4)
})

test('a conversation that is learned whole is told', async () => {
  const template =
    '{{ messages | length }}{% for m in messages %}{{ m.content | length }}{% endfor %}'
  const { notes, sources } = await preview(`${YAML}chat_template: "${template}"\n`)
  expect(notes.at(-1)).toMatch(/^1 example is learned with what is asked, too/)
  expect(sources[1]!.examples[0]!.parts.map(({ isLearned }) => isLearned)).toEqual([true])
})
