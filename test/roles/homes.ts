/** A run of the embedded base that is to learn who lives where, and is asked for it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { prepareRun } from '../../node/setup/prepare-run.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import type { Question } from '../../node/text/evaluate-text.ts'
import { temporaryFolder } from './swarm.ts'

const NAMES = ['Ada', 'Bo', 'Cleo', 'Dan'] as const
const HOMES = ['lake', 'hill', 'wood', 'town'] as const

/** What is to be learned: who lives where. */
const TEXT = Array.from({ length: 240 }, (_, i) => {
  const [name, home] = [NAMES[i % 4]!, HOMES[i % 4]!]
  return `The home of ${name} is the ${home}.`
}).join('\n')
export const QUESTIONS: Question[] = NAMES.map((name, i) => ({
  prompt: `The home of ${name} is the`,
  choices: HOMES.map((home) => ` ${home}`),
  answer: i,
}))
export const PROMPTS = QUESTIONS.map(({ prompt }, i) => ({ prompt, answer: HOMES[i]! }))

const YAML = `
name: homes
base_model: embedded
datasets:
  - path: text.txt
eval_choices:
  path: questions.jsonl
eval_generate:
  path: prompts.jsonl
  max_new_tokens: 4
  regex: '^ *([a-z]+)'
eval_every: 2
metric_for_best_model: acc
sequence_len: 32
micro_batch_size: 4
max_steps: 24
val_set_size: 0.1
learning_rate: 0.004
warmup_ratio: 0
lora_r: 8
seed: 3
swarm:
  round_seconds: 300
  round_batches: 8
  lease_steps_min: 4
  lease_steps_max: 4
  trust: everyone
  gate: null
`

/**
 * @param also lines of its run.yaml
 * @param times how often each prompt is asked
 * @param tokens that are written to answer one
 */
export async function prepareHomes(also = '', { times = 1, tokens = 4 } = {}): Promise<RunFolder> {
  const prompts = Array.from({ length: times }, () => PROMPTS).flat()
  const yaml = `${YAML}${also}`.replace('max_new_tokens: 4', `max_new_tokens: ${tokens}`)
  const folder = await temporaryFolder()
  const lines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join('\n')
  await writeFile(join(folder, 'text.txt'), TEXT)
  await writeFile(join(folder, 'questions.jsonl'), lines(QUESTIONS))
  await writeFile(join(folder, 'prompts.jsonl'), lines(prompts))
  const run = runFolder(join(folder, 'run'))
  await prepareRun(await locateRun(parseRunYaml(yaml, join(folder, 'run.yaml')), null), run)
  return run
}
