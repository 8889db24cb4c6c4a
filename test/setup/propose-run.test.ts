/** What `init` chooses for a base and data that it has opened, and that `check` takes it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { proposeRun } from '../../node/setup/propose-run.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { smallText } from '../roles/swarm.ts'

const CHAT = JSON.stringify({
  messages: [
    { role: 'user', content: 'Who?' },
    { role: 'assistant', content: 'Ishmael.' },
  ],
})
const PAIR = (words: number) =>
  JSON.stringify({ prompt: 'Where? ', completion: 'at sea '.repeat(words) })

async function propose(name: string, text: string) {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, name), text)
  const input = { name: 'sea', datasets: [{ path: name }], sequence_len: 256 }
  return proposeRun(input, join(folder, 'run.yaml'), null)
}

for (const [what, name, text, chosen, note] of [
  ['a long text', 'a.txt', smallText(900), { sequence_len: 256, micro_batch_size: 4 }, /tokens$/],
  [
    'a short text',
    'a.txt',
    smallText(40),
    { sequence_len: 32, micro_batch_size: 4 },
    /^sequence_len/,
  ],
  ['a very short one', 'a.txt', smallText(8), { sequence_len: 16, micro_batch_size: 1 }, /is 16/],
  [
    'conversations, where the model has no template',
    'a.jsonl',
    `${CHAT}\n`.repeat(40),
    { chat_template: 'chatml' },
    /95 % of the examples have at most \d+ tokens$/,
  ],
  [
    'pairs of all lengths',
    'a.jsonl',
    Array.from({ length: 60 }, (_, i) => PAIR(i + 1)).join('\n'),
    { sequence_len: 256, micro_batch_size: 4 },
    /^sequence_len is 256/,
  ],
] as [string, string, string, object, RegExp][]) {
  test(`for ${what}`, async () => {
    const { input, notes } = await propose(name, text)
    expect(input).toMatchObject(chosen)
    expect(notes[0]).toMatch(note)
    expect('chat_template' in input).toBe('chat_template' in chosen)
  })
}

const ANSWER = { prompt: 'Who? ', completion: 'Ishmael.' }
const TWO_ANSWERS = { prompt: 'Who? ', chosen: 'Ishmael.', rejected: 'Ahab.' }
const LABELLED = JSON.stringify({ ...ANSWER, label: 'name' })

for (const [row, rl, note] of [
  [TWO_ANSWERS, 'dpo', 'rl is dpo, as rows have answers'],
  [{ ...ANSWER, label: true }, 'kto', "rl is kto, as rows have a 'label'"],
  [{ ...ANSWER, label: 0 }, 'kto', "rl is kto, as rows have a 'label'"],
  [ANSWER, undefined, 'sequence_len is'],
] as const) {
  test(`rows with ${Object.keys(row)}: rl is ${rl}`, async () => {
    const { input, notes } = await propose('a.jsonl', `${JSON.stringify(row)}\n`.repeat(40))
    expect(input.rl).toBe(rl)
    expect(notes.filter((one) => one.startsWith(note))).toHaveLength(1)
    expect(notes.filter((one) => one.startsWith('rl is'))).toHaveLength(rl === undefined ? 0 : 1)
  })
}

test('where some datasets have pairs and others single ratings, rl is kto', async () => {
  const folder = await temporaryFolder()
  const [pairs, ratings] = [TWO_ANSWERS, { ...ANSWER, label: false }].map((row) =>
    `${JSON.stringify(row)}\n`.repeat(20),
  ) as [string, string]
  writeFileSync(join(folder, 'pairs.jsonl'), pairs)
  writeFileSync(join(folder, 'ratings.jsonl'), ratings)
  const datasets = [{ path: 'pairs.jsonl' }, { path: 'ratings.jsonl' }]
  const { input } = await proposeRun({ name: 'sea', datasets }, join(folder, 'run.yaml'), null)
  expect(input.rl).toBe('kto')
})

for (const [what, name, text, why] of [
  ['too little text', 'a.txt', 'Call me Ishmael.', /give more text/],
  ['rows of no kind', 'a.jsonl', '{"x":1}', /Cannot tell what a.jsonl:1 is/],
  ["a 'label' that rates nothing", 'a.jsonl', LABELLED, /'leave_aside: \[label\]'/],
  [
    'an answer that is no text',
    'a.jsonl',
    '{"chosen":1,"rejected":"a"}',
    /'chosen' must be a text/,
  ],
] as const) {
  test(`${what} is refused`, async () => {
    const proposed = propose(name, text)
    await expect(proposed).rejects.toThrow(ConfigError)
    await expect(proposed).rejects.toThrow(why)
  })
}
