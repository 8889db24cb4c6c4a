/** What a run.yaml may say, and how its mistakes are told: where, what is wrong, what was meant. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DEMO_YAML } from '../../node/cli/demo-yaml.ts'
import { parseRunYaml, readRunYaml } from '../../node/setup/run-yaml.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { type JsonSchema, runJsonSchema, runReference } from './run-reference.ts'

const RIGHT = 'name: sea\ndatasets:\n  - path: sea.txt\n'

for (const [mistake, yaml, ...said] of [
  ['a key that is misspelt', `${RIGHT}lora_rank: 8\n`, 'run.yaml:4:1', "'lora_rank'", "'lora_r'"],
  [
    'a misspelt key below another',
    `${RIGHT}swarm:\n  rounds: 3\n  round_second: 9\n`,
    'run.yaml:6:3',
    "'swarm.round_second'",
    "did you mean 'round_seconds'",
  ],
  ['a key like no other', `${RIGHT}xyzzy: 1\n`, "run.yaml:4:1 Unknown key 'xyzzy'"],
  [
    'a number out of bounds',
    `${RIGHT}val_set_size: 2\n`,
    'run.yaml:4:1 val_set_size',
    'current value is 2',
  ],
  [
    'a number that no run can have',
    `${RIGHT}lora_alpha: 100000\n`,
    'run.yaml:4:1 lora_alpha',
    '65536',
    'current value is 100000',
  ],
  [
    'a word for a number',
    `${RIGHT}lora_r: eight\n`,
    'run.yaml:4:1 lora_r: must be a whole number from 1 to 256: current value is "eight"',
  ],
  ['a choice that is none', `${RIGHT}lr_scheduler: step\n`, 'run.yaml:4:1 lr_scheduler', 'cosine'],
  [
    'a key that is missing',
    'datasets:\n  - path: a\n',
    "run.yaml:1:1 'name' is needed: How volunteers see the run",
  ],
  [
    'an item that lacks a key',
    'name: a\ndatasets:\n  - type: completion\n',
    "run.yaml:3:5 'datasets.0.path' is needed: A file",
  ],
  ['a name that leaves runs/', 'name: ../evil\ndatasets:\n  - path: a\n', 'leave slashes out'],
  ['no datasets', 'name: a\ndatasets: []\n', 'run.yaml:2:1 datasets'],
  [
    'two mistakes at once',
    `${RIGHT}lora_r: 0\nseed: -1\n`,
    'run.yaml:4:1 lora_r',
    'run.yaml:5:1 seed',
  ],
  [
    'a base in 8 and in 4 bits',
    `${RIGHT}load_in_8bit: true\nload_in_4bit: true\n`,
    'run.yaml:5:1 load_in_4bit: the base is in 8 bits already, by load_in_8bit',
  ],
  [
    'a parameter of a loss that is not there',
    `${RIGHT}rl_beta: 0.2\n`,
    "run.yaml:4:1 rl_beta: must be left out where 'rl' is: it is for 'rl: dpo', 'rl: ipo'",
  ],
  [
    'a parameter of another loss',
    `${RIGHT}rl: dpo\nsimpo_gamma: 0.5\n`,
    "run.yaml:5:1 simpo_gamma: must be left out with 'rl: dpo', which has 'rl_beta', " +
      "'dpo_label_smoothing'",
  ],
  [
    'the weight of an odds ratio by another name',
    `${RIGHT}rl: orpo\nrl_beta: 0.5\n`,
    "rl_beta: must be left out with 'rl: orpo': its weight is 'orpo_alpha'",
  ],
  [
    'a beta with which a loss begins out of bounds',
    `${RIGHT}rl: ipo\nrl_beta: 0.001\n`,
    "run.yaml:5:1 rl_beta: must be at least 0.01 with 'rl: ipo', whose loss begins at (1/(2β))²",
    'current value is 0.001',
  ],
  ['a loss that is none', `${RIGHT}rl: grpo\n`, 'run.yaml:4:1 rl: must be', 'kto'],
  [
    'what answers that are rated leave no room for',
    `${RIGHT}    type: alpaca\nrl: kto\ntrain_on_inputs: true\nsample_packing: true\n` +
      'lora_dropout: 0.1\nneftune_noise_alpha: 5\nswarm:\n  aggregation: gradient\n',
    'run.yaml:4:5 datasets.0.type: must be left out',
    'run.yaml:6:1 train_on_inputs: must be left out',
    'run.yaml:7:1 sample_packing',
    'run.yaml:8:1 lora_dropout',
    'run.yaml:9:1 neftune_noise_alpha',
    'run.yaml:11:3 swarm.aggregation',
  ],
  [
    'sequences of which two are too long for one',
    `${RIGHT}rl: dpo\nsequence_len: 20000\n`,
    'sequence_len: must be at most 16384',
  ],
  [
    'a mirror that stands in no list',
    `${RIGHT}base_mirrors: "https://a.example"\n`,
    'run.yaml:4:1 base_mirrors: must be a list of addresses: current value is "https://a.example"',
  ],
  [
    'a mirror that stands twice',
    `${RIGHT}base_mirrors: [https://a.example, https://A.example/]\n`,
    'run.yaml:4:1 base_mirrors: must name each address once',
  ],
  [
    "a page of the Hub's for a mirror",
    `${RIGHT}base_mirrors: [https://huggingface.co/o/n/blob/main/m.gguf]\n`,
    'must be the address of the file, not of its page on the Hub: ' +
      'https://huggingface.co/o/n/resolve/main/m.gguf: current value is',
  ],
  ['what is not YAML', 'name: [a\n', 'run.yaml:2:1'],
  ['a tag that nobody knows', `${RIGHT}lora_r: !8\n`, 'run.yaml:4:9', 'Unresolved tag: !8'],
  ['the same key twice', `${RIGHT}name: lake\n`, 'run.yaml:4:1'],
  [
    'a template that is none',
    `${RIGHT}chat_template: gemma\n`,
    'run.yaml:4:1',
    'tokenizer_default, chatml, llama3',
  ],
  ['a name of blanks', 'name: "  "\ndatasets: [{path: a}]\n', 'run.yaml:1:1 name'],
  ['a list instead of keys', '- a\n', 'run.yaml:1:1 A run.yaml must be keys with values'],
  ['an empty file', '', "'name' is needed: ", "'datasets' is needed: "],
  ['a key without a value', `${RIGHT}swarm:\n`, 'run.yaml:4:1 swarm: must be', 'it has no value'],
  [
    'a number far out of bounds',
    `${RIGHT}seed: 99999999999999999999\n`,
    'run.yaml:4:1 seed: must be a whole number from 0 to 4294967295',
  ],
  ['a rate of nothing', `${RIGHT}learning_rate: 0\n`, 'learning_rate: must be above 0'],
] as const) {
  test(`a run.yaml with ${mistake} is refused`, () => {
    const parse = () => parseRunYaml(yaml, 'run.yaml')
    expect(parse).toThrow(ConfigError)
    for (const words of said) expect(parse).toThrow(words)
    expect(parse).not.toThrow(/Invalid|expected|received|undefined/)
  })
}

test('a run.yaml that is not there is named', async () => {
  await expect(readRunYaml('no/run.yaml')).rejects.toThrow("Cannot read 'no/run.yaml'")
})

test('what a run.yaml leaves out has a default', () => {
  const { swarm, ...rest } = parseRunYaml(RIGHT, 'run.yaml').yaml
  expect(rest).toMatchObject({ base_model: 'embedded', lora_r: 8, learning_rate: 1e-3, seed: 42 })
  expect(swarm).toMatchObject({ aggregation: 'delta', quorum: 0.5 })
})

test('roles mean nothing where the turns of everybody are learned', () => {
  const yaml =
    'name: a\ntrain_on_inputs: true\ndatasets:\n  - path: b\n    roles_to_train: [user]\n'
  expect(() => parseRunYaml(yaml, 'run.yaml')).toThrow(
    /^run\.yaml:5:5 datasets\.0\.roles_to_train: must be left out, as 'train_on_inputs: true'/,
  )
})

test('the run.yaml of the demo is right', () => {
  expect(parseRunYaml(DEMO_YAML, 'demo.yaml').yaml.name).toBe('moby-dick')
})

for (const [file, text] of [
  ['run.schema.json', `${JSON.stringify(runJsonSchema(), null, 2)}\n`],
  ['run-yaml.md', runReference()],
] as const) {
  test(`docs/${file} says what the code does`, () => {
    const path = new URL(`../../docs/${file}`, import.meta.url)
    if (process.env.REWRITE) writeFileSync(path, text)
    expect(readFileSync(path, 'utf8')).toBe(text)
  })
}

test('every key has a meaning', () => {
  const silent = ({ properties = {} }: JsonSchema) =>
    Object.keys(properties).filter((key) => !properties[key]!.description?.endsWith('.'))
  const top = runJsonSchema()
  const { datasets, swarm } = top.properties!
  expect([top, datasets!.items!, swarm!].flatMap(silent)).toEqual([])
})

const BOMB = Array.from(
  { length: 9 },
  (_, i) =>
    `${'abcdefghi'[i]}: &${'abcdefghi'[i]} [${
      i === 0
        ? '1'
        : Array(9)
            .fill(`*${'abcdefghi'[i - 1]}`)
            .join()
    }]\n`,
).join('')

for (const [what, source] of [
  ['aliases of aliases', BOMB],
  ['brackets without end', `name: ${'['.repeat(50_000)}`],
] as const) {
  test(`${what} are refused in words`, () => {
    expect(() => parseRunYaml(source, 'run.yaml')).toThrow(ConfigError)
    expect(() => parseRunYaml(source, 'run.yaml')).toThrow(/^(Cannot read 'run.yaml'|run.yaml:1)/)
  })
}

test('a file of any size is not read', async () => {
  const file = join(await temporaryFolder(), 'run.yaml')
  writeFileSync(file, '#'.repeat(2 ** 17 + 1))
  await expect(readRunYaml(file)).rejects.toThrow(/has 131073 bytes/)
})
