/** What a run.yaml may say, and how its mistakes are told: where, what is wrong, what was meant. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DEMO_YAML } from '../../node/cli/demo-yaml.ts'
import { parseRunYaml, readRunYaml, runYamlJsonSchema } from '../../node/run/run-yaml.ts'
import { ConfigError } from '../../protocol/errors.ts'

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
  ['a word for a number', `${RIGHT}lora_r: eight\n`, 'run.yaml:4:1 lora_r', '"eight"'],
  ['a choice that is none', `${RIGHT}lr_scheduler: step\n`, 'run.yaml:4:1 lr_scheduler', 'cosine'],
  ['a key that is missing', 'datasets:\n  - path: a\n', 'run.yaml:1:1 name'],
  ['an item that lacks a key', 'name: a\ndatasets:\n  - type: completion\n', 'datasets'],
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
    'run.yaml:5:1 load_in_4bit',
  ],
  ['what is not YAML', 'name: [a\n', 'run.yaml:2:1'],
  ['the same key twice', `${RIGHT}name: lake\n`, 'run.yaml:4:1'],
  ['a list instead of keys', '- a\n', 'run.yaml'],
  ['an empty file', '', 'name: ', 'datasets: '],
] as const) {
  test(`a run.yaml with ${mistake} is refused`, () => {
    const parse = () => parseRunYaml(yaml, 'run.yaml')
    expect(parse).toThrow(ConfigError)
    for (const words of said) expect(parse).toThrow(words)
  })
}

test('a run.yaml that is not there is named', async () => {
  await expect(readRunYaml('no/run.yaml')).rejects.toThrow("Cannot read 'no/run.yaml'")
})

test('what a run.yaml leaves out has a default', () => {
  const { swarm, ...rest } = parseRunYaml(RIGHT, 'run.yaml')
  expect(rest).toMatchObject({ base_model: 'embedded', lora_r: 8, learning_rate: 1e-3, seed: 42 })
  expect(swarm).toMatchObject({ aggregation: 'delta', uplink: 'int4', downlink: 'int8' })
})

test('the run.yaml of the demo is right', () => {
  expect(parseRunYaml(DEMO_YAML, 'demo.yaml').name).toBe('moby-dick')
})

test('the published schema is that of the code', () => {
  const published = new URL('../../docs/run.schema.json', import.meta.url)
  expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(runYamlJsonSchema())
})
