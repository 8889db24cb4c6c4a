/** axolotl's keys: taken over, left out with a reason, or refused; and what is written is read. */
import { expect, test } from 'vitest'
import { fromAxolotl } from '../../node/setup/from-axolotl.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { writeRunYaml } from '../../node/setup/write-yaml.ts'
import { ConfigError } from '../../protocol/errors.ts'

const BASE =
  'base_model: org/small\nadapter: lora\ndatasets:\n  - path: data.jsonl\n    type: alpaca\n'

type Fate = 'taken' | 'ignored' | 'refused'

for (const [line, fate, expected] of [
  ['lora_r: 16', 'taken', { lora_r: 16 }],
  ['learning_rate: 2e-4', 'taken', { learning_rate: 2e-4 }],
  ['adapter: lora', 'taken', {}],
  ['adapter: qlora', 'taken', { load_in_4bit: true }],
  ['adapter: ia3', 'refused', {}],
  ['lora_target_linear: true', 'taken', { lora_target_linear: true }],
  ['peft_layers_to_transform: [0, 2]', 'taken', { peft_layers_to_transform: [0, 2] }],
  ['peft_layers_pattern: [layers]', 'taken', {}],
  ['peft_layers_pattern: [blocks]', 'refused', {}],
  ['loraplus_lr_ratio: 16', 'taken', { loraplus_lr_ratio: 16 }],
  ['loraplus_lr_embedding: 1e-6', 'ignored', {}],
  ['peft_use_rslora: true', 'taken', { peft_use_rslora: true }],
  ['lora_model_dir: ./out', 'taken', { adapter_from: './out' }],
  ['lora_model_dir: ""', 'taken', {}],
  ['lora_model_dir: [a, b]', 'refused', {}],
  ['lora_target_modules: [q_proj]', 'taken', { lora_target_modules: ['q_proj'] }],
  ['lr_scheduler: cosine', 'taken', { lr_scheduler: 'cosine' }],
  ['lr_scheduler: rex', 'refused', {}],
  ['cosine_min_lr_ratio: 0.2', 'taken', { cosine_min_lr_ratio: 0.2 }],
  ['dataset_exact_deduplication: true', 'taken', { dataset_exact_deduplication: true }],
  ['curriculum_sampling: true', 'taken', { curriculum_sampling: true }],
  ['shuffle_merged_datasets: false', 'ignored', {}],
  ['plugins: [axolotl.integrations.liger.LigerPlugin]', 'ignored', {}],
  ['plugins: [axolotl.integrations.kd.KDPlugin]', 'refused', {}],
  ['lora_dropout: 0', 'taken', { lora_dropout: 0 }],
  ['lora_dropout: 0.05', 'taken', { lora_dropout: 0.05 }],
  ['neftune_noise_alpha: 5', 'taken', { neftune_noise_alpha: 5 }],
  ['peft_use_dora: true', 'taken', { peft_use_dora: true }],
  ['train_on_inputs: true', 'taken', { train_on_inputs: true }],
  ['optimizer: adamw_bnb_8bit', 'taken', {}],
  ['optimizer: lion_8bit', 'refused', {}],
  ['lora_modules_to_save: [embed_tokens]', 'refused', {}],
  ['chat_template: llama3', 'taken', { chat_template: 'llama3' }],
  ['chat_template: gemma', 'refused', {}],
  ['chat_template: "{{ messages }}"', 'taken', { chat_template: '{{ messages }}' }],
  ['chat_template_jinja: x', 'ignored', {}],
  ['roles_to_train: [assistant]', 'taken', {}],
  ['roles_to_train: [user]', 'refused', {}],
  ['train_on_eos: turn', 'taken', {}],
  ['train_on_eos: all', 'refused', {}],
  ['special_tokens: {pad_token: x}', 'ignored', {}],
  ['special_tokens: {eos_token: x}', 'refused', {}],
  ['loss_watchdog_threshold: 5', 'ignored', {}],
  ['warmup_steps: 10', 'ignored', {}],
  ['metric_for_best_model: loss', 'taken', {}],
  ['metric_for_best_model: eval_loss', 'taken', {}],
  ['metric_for_best_model: bleu', 'refused', {}],
  ['greater_is_better: false', 'taken', {}],
  ['greater_is_better: true', 'refused', {}],
  ['evals_per_epoch: 4', 'ignored', {}],
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
    const base = line.startsWith('adapter') ? BASE.replace('adapter: lora\n', '') : BASE
    const { yaml, taken, ignored, refused } = fromAxolotl(`${base}${line}\n`, 'axolotl.yml')
    const key = line.split(':')[0]!
    const fates = { taken: taken.includes(key) } as Record<Fate, boolean>
    fates.ignored = ignored.some((one) => one.key === key && one.reason !== '')
    fates.refused = refused.some((one) => one.key === key && one.reason !== '')
    expect(fates).toEqual({
      taken: fate === 'taken',
      ignored: fate === 'ignored',
      refused: fate === 'refused',
    })
    expect(yaml).toMatchObject({ base_model: 'org/small', ...expected })
  })
}

for (const adapter of ['', 'adapter:\n']) {
  test(`without an adapter ('${adapter}') all weights would be trained: refused`, () => {
    const { refused } = fromAxolotl(`base_model: a\n${adapter}datasets:\n  - path: x\n`, 'a.yml')
    expect(refused).toEqual([{ key: 'adapter', reason: expect.stringContaining('all weights') }])
  })
}

for (const [lines, expected, fates] of [
  ['rl: dpo\nrl_beta: 0.2', { rl: 'dpo', rl_beta: 0.2 }, {}],
  ['rl: dpo\ndpo_beta: 0.2', { rl: 'dpo', rl_beta: 0.2 }, {}],
  ['rl: dpo\ndpo_loss_type: [ipo]', { rl: 'ipo' }, {}],
  ['rl: dpo\ndpo_loss_type: [sigmoid, sft]', {}, { rl: 'refused' }],
  ['rl: dpo\ndpo_label_smoothing: 0.1', { rl: 'dpo', dpo_label_smoothing: 0.1 }, {}],
  ['rl: ipo\ndpo_label_smoothing: 0.1', { rl: 'ipo' }, { dpo_label_smoothing: 'ignored' }],
  ['rl: dpo\nlora_dropout: 0.05', { rl: 'dpo' }, { lora_dropout: 'ignored' }],
  ['rl: dpo\nlora_dropout: 0', { rl: 'dpo', lora_dropout: 0 }, {}],
  ['rl: simpo\nsimpo_gamma: 1', { rl: 'simpo', simpo_gamma: 1, cpo_alpha: 1 }, {}],
  ['rl: simpo\ncpo_alpha: 0', { rl: 'simpo', cpo_alpha: 0 }, {}],
  ['rl: orpo\norpo_alpha: 0.2', { orpo_alpha: 0.2 }, { rl: 'refused' }],
  ['rl: orpo\nrl_beta: 0.2', { orpo_alpha: 0.2 }, { rl: 'refused' }],
  ['rl: kto\nkto_desirable_weight: 2', { kto_desirable_weight: 2 }, { rl: 'refused' }],
  ['rl: grpo\ntrl: {num_generations: 4}', {}, { rl: 'refused', trl: 'refused' }],
  ['rl: dpo\ndpo_norm_loss: true', { rl: 'dpo' }, { dpo_norm_loss: 'refused' }],
  ['rl: dpo\nrpo_alpha: 1', { rl: 'dpo' }, { rpo_alpha: 'refused' }],
  ['rl: dpo\ndpo_use_weighting: true', { rl: 'dpo' }, { dpo_use_weighting: 'refused' }],
  [
    'rl: dpo\nprecompute_ref_log_probs: true',
    { rl: 'dpo' },
    { precompute_ref_log_probs: 'ignored' },
  ],
] as [string, object, Record<string, 'ignored' | 'refused'>][]) {
  test(`${lines.replace('\n', ', ')}: what is rated by`, () => {
    const source = `base_model: a\nadapter: lora\ndatasets:\n  - path: x\n${lines}\n`
    const { yaml, ignored, refused } = fromAxolotl(source, 'a.yml')
    expect(yaml).toMatchObject(expected)
    const found = [
      ...ignored.map(({ key }) => [key, 'ignored']),
      ...refused.map(({ key }) => [key, 'refused']),
    ]
    expect(Object.fromEntries(found)).toEqual(fates)
  })
}

for (const [line, isTaken] of [
  ['type: chat_template.default', true],
  ['field_chosen: chosen', true],
  ['field_chosen: better', false],
  ['type: chatml.intel', false],
] as const) {
  test(`'${line}' is ${isTaken ? 'taken' : 'refused'} where answers are rated`, () => {
    const source = `base_model: a\nadapter: lora\nrl: dpo\ndatasets:\n  - path: x\n    ${line}\n`
    const { yaml, refused } = fromAxolotl(source, 'a.yml')
    expect(yaml.datasets).toEqual([{ path: 'x' }])
    expect(refused.map(({ key }) => key)).toEqual(isTaken ? [] : ['datasets'])
  })
}

test('a share that only a cosine ends at is nothing to a line', () => {
  const source = `${BASE}lr_scheduler: linear\ncosine_min_lr_ratio: 0.2\n`
  const { yaml, ignored } = fromAxolotl(source, 'a.yml')
  expect([yaml.cosine_min_lr_ratio, ignored.length]).toEqual([0, 1])
})

test('steps of a warm-up are a share where the number of steps is known', () => {
  const { yaml } = fromAxolotl(`${BASE}max_steps: 200\nwarmup_steps: 10\n`, 'a.yml')
  expect(yaml).toMatchObject({ max_steps: 200, warmup_ratio: 0.05 })
})

for (const [type, expected] of [
  ['completion', 'completion'],
  ['chat_template', 'chat_template'],
  ['sharegpt:chat', 'sharegpt'],
  ['alpaca:chat', undefined],
  ['input_output', undefined],
  ['user_defined', undefined],
] as const) {
  test(`a dataset of type ${type}`, () => {
    const source = `base_model: a\nadapter: lora\ndatasets:\n  - path: x\n    type: ${type}\n`
    const { yaml, refused } = fromAxolotl(source, 'a.yml')
    expect(yaml.datasets).toEqual([{ path: 'x', ...(expected && { type: expected }) }])
    expect(refused.map(({ key }) => key)).toEqual(expected ? [] : ['datasets'])
  })
}

for (const [line, expected, refusedIn] of [
  ['name: en', { name: 'en' }],
  ['split: train[:10%]', { split: 'train[:10%]' }],
  ['revision: v2', { path: 'x@v2' }],
  ['field: body', { field: 'body' }],
  ['roles_to_train: [assistant]', { roles_to_train: ['assistant'] }],
  ['train_on_eos: last', { train_on_eos: 'last' }],
  ['roles_to_train:', {}, 'the last message alone'],
  ['message_field_training: train', { message_field_training: 'train' }],
  ['message_field_role: from', { message_property_mappings: { role: 'from' } }],
  ['template_thinking_key: thinking', {}],
  ['template_thinking_key: mind', {}, "'template_thinking_key' of a dataset"],
  ['message_field_training_detail: x', {}, "'message_field_training_detail' of a dataset"],
  ['data_files: [a.jsonl]', {}, "'data_files' of a dataset means nothing here"],
] as [line: string, expected: object, refusedIn?: string][]) {
  test(`of a dataset, '${line}' is ${refusedIn === undefined ? 'kept' : 'refused'}`, () => {
    const source = `base_model: a\nadapter: lora\ndatasets:\n  - path: x\n    ${line}\n`
    const { yaml, refused } = fromAxolotl(source, 'a.yml')
    expect(yaml.datasets).toEqual([{ path: 'x', ...expected }])
    expect(refused.map(({ reason }) => reason)).toEqual(
      refusedIn === undefined ? [] : [expect.stringContaining(refusedIn)],
    )
  })
}

test('what is refused says what it can be, or that it can only go', () => {
  const source = `${BASE}lora_modules_to_save: [embed_tokens]\nlora_fan_in_fan_out: true\n`
  expect(fromAxolotl(source, 'a.yml').refused).toEqual([
    {
      key: 'lora_modules_to_save',
      reason: '["embed_tokens"] would change what is learned; it can only be left out',
    },
    {
      key: 'lora_fan_in_fan_out',
      reason: 'true would change what is learned; it can be false, or left out',
    },
  ])
})

for (const [dropout, fate] of [
  ['0.05', 'refused'],
  ['0', 'taken'],
  ['0.0', 'taken'],
] as const) {
  test(`with peft_use_dora, lora_dropout: ${dropout} is ${fate}`, () => {
    const source = `${BASE}lora_dropout: ${dropout}\npeft_use_dora: true\n`
    const { yaml, refused } = fromAxolotl(source, 'a.yml')
    expect(yaml.peft_use_dora).toBe(true)
    const reason = expect.stringContaining('drops what the base reads')
    expect(refused).toEqual(fate === 'taken' ? [] : [{ key: 'lora_dropout', reason }])
  })
}

test("what a file leaves to axolotl's defaults is as axolotl has it", () => {
  const { yaml, added } = fromAxolotl(`${BASE}lr_scheduler: linear\n`, 'a.yml')
  expect(added).toEqual(['sequence_len', 'micro_batch_size', 'cosine_min_lr_ratio', 'adam_beta2'])
  expect(yaml).toMatchObject({ sequence_len: 512, lr_scheduler: 'linear', adam_beta2: 0.999 })
  expect(yaml.cosine_min_lr_ratio).toBe(0)
})

test('a template in the file is taken as a text', () => {
  const source = `${BASE}chat_template: jinja\nchat_template_jinja: "{{ messages }}"\n`
  const { yaml, refused } = fromAxolotl(source, 'a.yml')
  expect([yaml.chat_template, refused]).toEqual(['{{ messages }}', []])
})

for (const [what, source] of [
  ['a list', '- a\n'],
  ['no YAML', 'a: [\n'],
  ['nothing', ''],
  ['a value with a tag that nobody knows', 'base_model: !16 a\n'],
] as const) {
  test(`${what} is refused`, () => expect(() => fromAxolotl(source, 'a.yml')).toThrow(ConfigError))
}

test('what is written has a word on its keys, and is read as what was meant', () => {
  const { yaml } = fromAxolotl(`${BASE}lora_r: 16\nseed: 7\n`, 'a.yml')
  const source = writeRunYaml(yaml, '/schema.json', ['From a.yml.', ''])
  expect(source).toMatch(/^# yaml-language-server: \$schema=\/schema\.json\n# From a\.yml\.\n#\n\n/)
  expect(source).toContain(
    '# Rank of the adapter: a higher one learns more, and is more to send.\nlora_r: 16\n',
  )
  expect(parseRunYaml(source, 'run.yaml').yaml).toMatchObject({
    name: 'small',
    base_model: 'org/small',
    lora_r: 16,
    seed: 7,
    datasets: [{ path: 'data.jsonl', type: 'alpaca' }],
  })
})

test('a dataset keeps its config and its split', () => {
  const { yaml } = fromAxolotl(`${BASE}    name: sea\n    split: train[:9%]\n`, 'a.yml')
  expect(yaml.datasets).toEqual([expect.objectContaining({ name: 'sea', split: 'train[:9%]' })])
})
