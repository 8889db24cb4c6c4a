/** axolotl's keys: taken over, left out with a reason, or refused; and what is written is read. */
import { expect, test } from 'vitest'
import { fromAxolotl } from '../../node/run/from-axolotl.ts'
import { parseRunYaml } from '../../node/run/run-yaml.ts'
import { writeRunYaml } from '../../node/run/write-yaml.ts'
import { ConfigError } from '../../protocol/errors.ts'

const BASE = 'base_model: org/small\ndatasets:\n  - path: data.jsonl\n    type: alpaca\n'

type Fate = 'taken' | 'ignored' | 'refused'

for (const [line, fate, expected] of [
  ['lora_r: 16', 'taken', { lora_r: 16 }],
  ['learning_rate: 2e-4', 'taken', { learning_rate: 2e-4 }],
  ['adapter: lora', 'taken', {}],
  ['adapter: qlora', 'taken', { load_in_4bit: true }],
  ['adapter: ia3', 'refused', {}],
  [
    'lora_target_linear: true',
    'taken',
    { lora_target_modules: expect.arrayContaining(['o_proj']) },
  ],
  ['lora_target_modules: [q_proj]', 'taken', { lora_target_modules: ['q_proj'] }],
  ['lr_scheduler: cosine', 'taken', { lr_scheduler: 'cosine' }],
  ['lr_scheduler: rex', 'refused', {}],
  ['lora_dropout: 0', 'taken', {}],
  ['lora_dropout: 0.05', 'refused', {}],
  ['peft_use_dora: true', 'refused', {}],
  ['train_on_inputs: true', 'refused', {}],
  ['optimizer: adamw_bnb_8bit', 'taken', {}],
  ['optimizer: lion_8bit', 'refused', {}],
  ['warmup_steps: 10', 'ignored', {}],
  ['bf16: auto', 'ignored', {}],
  ['flash_attention: true', 'ignored', {}],
  ['wandb_project: x', 'ignored', {}],
  ['deepspeed: zero2.json', 'ignored', {}],
  ['saves_per_epoch: 1', 'ignored', {}],
  ['some_new_switch: false', 'ignored', {}],
  ['some_new_switch: 3', 'refused', {}],
  ['wandb_project:', null, {}],
] as [string, Fate | null, object][]) {
  test(`'${line}' is ${fate ?? 'nothing'}`, () => {
    const { yaml, taken, ignored, refused } = fromAxolotl(`${BASE}${line}\n`, 'axolotl.yml')
    const key = line.split(':')[0]!
    const fates = { taken: taken.includes(key) } as Record<Fate, boolean>
    fates.ignored = ignored.some((one) => one.key === key && one.reason !== '')
    fates.refused = refused.some((one) => one.key === key && one.reason !== '')
    expect(fates).toEqual({
      ...{ taken: fate === 'taken', ignored: fate === 'ignored', refused: fate === 'refused' },
    })
    expect(yaml).toMatchObject({ base_model: 'org/small', ...expected })
  })
}

test('steps of a warm-up are a share where the number of steps is known', () => {
  const { yaml } = fromAxolotl(`${BASE}max_steps: 200\nwarmup_steps: 10\n`, 'a.yml')
  expect(yaml).toMatchObject({ max_steps: 200, warmup_ratio: 0.05 })
})

for (const [type, expected] of [
  ['completion', 'completion'],
  ['chat_template', 'chat_template'],
  ['sharegpt:chat', 'sharegpt'],
  ['user_defined', undefined],
] as const) {
  test(`a dataset of type ${type}`, () => {
    const source = `base_model: a\ndatasets:\n  - path: x\n    type: ${type}\n`
    const { yaml, refused } = fromAxolotl(source, 'a.yml')
    expect(yaml.datasets).toEqual([{ path: 'x', ...(expected && { type: expected }) }])
    expect(refused.map(({ key }) => key)).toEqual(expected ? [] : ['datasets'])
  })
}

for (const [what, source] of [
  ['a list', '- a\n'],
  ['no YAML', 'a: [\n'],
  ['nothing', ''],
] as const) {
  test(`${what} is refused`, () => expect(() => fromAxolotl(source, 'a.yml')).toThrow(ConfigError))
}

test('what is written has a word on its keys, and is read as what was meant', () => {
  const { yaml } = fromAxolotl(`${BASE}lora_r: 16\nseed: 7\n`, 'a.yml')
  const source = writeRunYaml(yaml, '/schema.json', ['From a.yml.', ''])
  expect(source).toMatch(/^# yaml-language-server: \$schema=\/schema\.json\n# From a\.yml\.\n#\n\n/)
  expect(source).toContain('# rank: more learns more, and takes more to send\nlora_r: 16\n')
  expect(parseRunYaml(source, 'run.yaml')).toMatchObject({
    ...{ name: 'small', base_model: 'org/small', lora_r: 16, seed: 7 },
    datasets: [{ path: 'data.jsonl', type: 'alpaca' }],
  })
})
