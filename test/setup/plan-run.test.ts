/** A plan of run.yaml: what cannot be is told by its key, and the base is always closed. */
import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type * as baseModel from '../../node/model/base-model.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { differingKeys } from '../../node/setup/differing-keys.ts'
import { locateRun } from '../../node/setup/locate-run.ts'
import { type RunPlan, withPlan } from '../../node/setup/plan-run.ts'
import { keyOf } from '../../node/setup/run-config-of.ts'
import { knownKeys } from '../../node/setup/run-keys.ts'
import { parseRunYaml } from '../../node/setup/run-yaml.ts'
import { digestOf } from '../../protocol/digest.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { runConfigSchema } from '../../protocol/run-config.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { smallText } from '../roles/swarm.ts'

const bases = { open: 0, quantised: [] as string[] }
vi.mock('../../node/model/base-model.ts', async (original) => {
  const real = await original<typeof baseModel>()
  return {
    ...real,
    openBaseModel: async (path: string) => {
      const base = await real.openBaseModel(path)
      bases.open += 1
      const close = () => {
        bases.open -= 1
        base.close()
      }
      const weights = { ...base.weights, quantised: bases.quantised }
      return { ...base, weights, close }
    },
  }
})

const RIGHT = 'name: sea\ndatasets:\n  - path: text.txt\n'

async function plan<T>(yaml: string, work: (plan: RunPlan) => T) {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, 'text.txt'), smallText(60))
  const file = { ...parseRunYaml(yaml, 'run.yaml'), folder }
  return withPlan(await locateRun(file, null), work)
}

for (const [what, yaml, ...said] of [
  ['data that is not there', 'name: a\ndatasets:\n  - path: gone.txt\n', 'gone.txt'],
  [
    'sequences longer than the base sees',
    `${RIGHT}sequence_len: 30000\n`,
    'run.yaml:4:1 sequence_len',
    '30000',
  ],
  [
    'more epochs than a run can count',
    `${RIGHT}sequence_len: 16\nnum_epochs: 1e12\n`,
    'run.yaml:5:1 num_epochs',
  ],
  [
    'leases whose least is above their most',
    `${RIGHT}sequence_len: 16\nswarm:\n  lease_steps_min: 8\n  lease_steps_max: 4\n`,
    'run.yaml:6:3 swarm.lease_steps_min',
    'at most stepsMax 4',
  ],
  [
    'batches that no run has',
    `${RIGHT}sequence_len: 16\nmicro_batch_size: 1000\ngradient_accumulation_steps: 1000\n`,
    'run.yaml:6:1 gradient_accumulation_steps',
  ],
  [
    'a batch larger than the data',
    `${RIGHT}sequence_len: 16\nmicro_batch_size: 1000\n`,
    'run.yaml:2:1 datasets: there are too few tokens: ',
    'sequences of 16 to train on',
    'a batch takes 1000',
  ],
] as const) {
  test(`${what}: refused by its key, and the base is closed`, async () => {
    const planned = plan(yaml, () => {})
    await expect(planned).rejects.toThrow(ConfigError)
    for (const words of said) await expect(planned).rejects.toThrow(words)
    expect(bases.open).toBe(0)
  })
}

test('a base with much in its file that no run moves is refused', async () => {
  const folder = join(await temporaryFolder(), 'base')
  cpSync(EMBEDDED_MODEL, folder, { recursive: true })
  const file = join(folder, 'model.safetensors')
  const bytes = readFileSync(file)
  const headerBytes = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString())
  const data = bytes.subarray(8 + headerBytes)
  const extra = 100 * 2 ** 20
  const data_offsets = [data.length, data.length + extra]
  header['vision.weight'] = { dtype: 'U8', shape: [extra], data_offsets }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(file, Buffer.concat([length, text, data]))
  truncateSync(file, 8 + text.length + data.length + extra)

  const planned = plan(`${RIGHT}sequence_len: 16\nbase_model: ${folder}\n`, () => {})
  await expect(planned).rejects.toThrow(ConfigError)
  await expect(planned).rejects.toThrow("Cannot train on the base 'base' as its weights must have")
})

test('what fails while a plan is worked with closes the base, too', async () => {
  const planned = plan(`${RIGHT}sequence_len: 16\n`, () => {
    expect(bases.open).toBe(1)
    throw new Error('out of ideas')
  })
  await expect(planned).rejects.toThrow('out of ideas')
  expect(bases.open).toBe(0)
})

test('the data is named to everyone without the folders of this machine', async () => {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, 'letters.txt'), smallText(60))
  const yaml = `name: sea\ndatasets:\n  - path: ${folder}/letters.txt\n  - path: text.txt\n`
  const name = await plan(`${yaml}sequence_len: 16\n`, ({ config }) => config.dataset.name)
  expect(name).toBe('letters.txt, text.txt')
})

const SMALL = `${RIGHT}sequence_len: 16\n`

for (const [what, yaml, quantised, note] of [
  ['8 bits of 4', `${SMALL}load_in_8bit: true\n`, ['Q4_0', 'Q6_K'], 'run.yaml:5:1 load_in_8bit'],
  ['4 bits of 4', `${SMALL}load_in_4bit: true\n`, ['Q4_0'], 'it has no effect, as the base has'],
  ['4 bits as they are', SMALL, ['Q4_0'], null],
] as const) {
  test(`what is lost twice is told: ${what}`, async () => {
    bases.quantised = [...quantised]
    const notes = await plan(yaml, (planned) => planned.notes)
    bases.quantised = []
    expect(notes).toEqual(note === null ? [] : [expect.stringContaining(note)])
  })
}

test('a base in blocks is multiplied in integers where that is asked for', async () => {
  const keys = `${SMALL}integer_products: true\n`
  const kernelsOf = (yaml: string) => plan(yaml, (planned) => planned.config.kernels)
  expect(await kernelsOf(`${SMALL}load_in_4bit: true\n`)).toMatchObject({ path: 'float32' })
  const [kernels, notes] = await plan(`${keys}load_in_4bit: true\n`, (planned) => [
    planned.config.kernels,
    planned.notes,
  ])
  expect(kernels).toMatchObject({ base: 'blocks', path: 'int16' })
  expect(notes).toEqual([
    expect.stringMatching(/^run.yaml:5:1 integer_products: of 36 .* 0 have no blocks .* 31 more/),
  ])
  expect(await kernelsOf(`${keys}load_in_8bit: true\n`)).toMatchObject({ base: 'int8' })
  await expect(kernelsOf(keys)).rejects.toThrow(
    'run.yaml:5:1 integer_products: the base has its numbers as bfloat16, which are no integers',
  )
})

for (const [swarm, uplink, downlink] of [
  ['{}', 'int4', 'int8'],
  ['{aggregation: gradient}', 'float32', 'float32'],
  ['{aggregation: gradient, uplink: int8}', 'int8', 'float32'],
  ['{uplink: int8, downlink: float32}', 'int8', 'float32'],
] as const) {
  test(`swarm: ${swarm} sends ${uplink} up and ${downlink} down`, async () => {
    const { aggregation } = await plan(`${SMALL}swarm: ${swarm}\n`, (planned) => planned.config)
    expect(aggregation).toMatchObject({ uplink, downlink })
  })
}

test('that what is asked cannot be learned of texts is told', async () => {
  const notes = await plan(`${SMALL}train_on_inputs: true\n`, (planned) => planned.notes)
  expect(notes).toEqual([expect.stringMatching(/^run.yaml:5:1 train_on_inputs: it has no effect/)])
})

test('that invites and a list both have to let one in is told', async () => {
  const yaml = `${SMALL}swarm: {admission: invites, allow_list: []}\n`
  const notes = await plan(yaml, (planned) => planned.notes)
  expect(notes).toEqual([expect.stringMatching(/^run.yaml:5:\d+ swarm.allow_list: an invite/)])
})

test('keys that mean nothing where gradients are averaged are named', async () => {
  const keys = 'outer_learning_rate: 0.7\n  outer_momentum: 0.1\n  weight_cap: 1\n  uplink: int4\n'
  const yaml = `${RIGHT}sequence_len: 16\nswarm:\n  aggregation: gradient\n  ${keys}`
  const notes = await plan(yaml, (planned) => planned.notes)
  expect(notes).toEqual([
    expect.stringMatching(/^run.yaml:8:\d+ swarm.outer_momentum: it has no effect/),
    expect.stringMatching(/^run.yaml:9:\d+ swarm.weight_cap: it has no effect/),
    expect.stringMatching(/^run.yaml:10:\d+ swarm.uplink: int4 rounds gradients/),
  ])
})

test('where weight decay pulls magnitudes is told', async () => {
  const yaml = `${SMALL}peft_use_dora: true\nweight_decay: 0.01\n`
  const notes = await plan(yaml, (planned) => planned.notes)
  expect(notes).toEqual([expect.stringMatching(/^run.yaml:6:1 weight_decay: it pulls DoRA's/)])
  expect(await plan(`${SMALL}peft_use_dora: true\n`, (planned) => planned.notes)).toEqual([])
  expect(await plan(`${SMALL}weight_decay: 0.01\n`, (planned) => planned.notes)).toEqual([])
})

for (const [swarm, blockMembersMax] of [
  ['{}', null],
  ['{trust: everyone}', null],
  ['{trust: strangers}', 16],
  ['{trust: strangers, block_members_max: null}', null],
  ['{block_members_max: 3}', 3],
] as const) {
  test(`swarm: ${swarm} lets ${blockMembersMax ?? 'any number'} of a block in`, async () => {
    const { admission } = await plan(`${SMALL}swarm: ${swarm}\n`, (planned) => planned.config)
    expect(admission.blockMembersMax).toBe(blockMembersMax)
  })
}

const SCORED = 'eval_choices: {path: questions.jsonl}\neval_generate: {path: prompts.jsonl}\n'

/** The plan of a run.yaml with a question of two choices and two prompts beside it. */
async function planScored<T>(yaml: string, work: (plan: RunPlan) => T) {
  const folder = await temporaryFolder()
  writeFileSync(join(folder, 'text.txt'), smallText(60))
  const question = { prompt: 'We', choices: [' the', ' a'], answer: 0 }
  writeFileSync(join(folder, 'questions.jsonl'), JSON.stringify(question))
  const prompts = ['We', 'You'].map((prompt) => JSON.stringify({ prompt, answer: 'do' }))
  writeFileSync(join(folder, 'prompts.jsonl'), prompts.join('\n'))
  return withPlan(await locateRun({ ...parseRunYaml(yaml, 'run.yaml'), folder }, null), work)
}

test('questions and prompts are rows of the run, by digest', async () => {
  const yaml = `${SMALL}${SCORED}eval_every: 4\nmetric_for_best_model: exact_match\n`
  const { config, scored, notes } = await planScored(yaml, (plan) => plan)
  const rows = { digest: digestOf(scored!.blob), bytes: scored!.blob.length }
  expect(config.scoring).toMatchObject({ rows, questions: 1, prompts: 2, everyRounds: 4 })
  expect(config.scoring!.contextTokens).toBeGreaterThan(64)
  expect(config.training.metric).toBe('exact_match')
  expect(notes).toEqual([])
  const plain = await plan(SMALL, (made) => made.config)
  expect(['scoring' in plain, 'metric' in plain.training]).toEqual([false, false])
  expect(differingKeys(plain, config)).toEqual([
    'metric_for_best_model',
    'eval_choices or eval_generate',
  ])
})

test('a score to go by that the run does not have is refused by its key', async () => {
  const yaml = `${SMALL}eval_choices: {path: questions.jsonl}\n`
  const planned = planScored(`${yaml}metric_for_best_model: exact_match\n`, () => null)
  await expect(planned).rejects.toThrow("metric_for_best_model: needs 'eval_generate', whose score")
})

test('rows that are trained on are no questions', async () => {
  const yaml = `${SMALL}eval_generate: {path: text.txt}\n`
  await expect(planScored(yaml, () => null)).rejects.toThrow(
    "eval_generate.path: must not be what is trained on: 'datasets' names the same rows",
  )
})

test('that nothing is scored is told where it is said how often', async () => {
  const { notes } = await plan(`${SMALL}eval_every: 2\neval_spread: true\n`, (made) => made)
  expect(notes).toEqual([
    expect.stringContaining('eval_every: it has no effect, as there is'),
    expect.stringContaining('eval_spread: it has no effect, as there is'),
  ])
})

for (const [keys, said] of [
  ['eval_every: 4\nswarm: {rounds: 4}\n', []],
  ['eval_every: 5\nswarm: {rounds: 4}\n', ['eval_every: only what the run begins with and the']],
  ['eval_every: 2\nearly_stopping_patience: 3\nswarm: {rounds: 7}\n', []],
  [
    'eval_every: 2\nearly_stopping_patience: 3\nswarm: {rounds: 6}\n',
    ['early_stopping_patience: it has no effect, as 3 scored rounds, one in 2, are not over'],
  ],
  ['eval_every: 500\nearly_stopping_patience: 3\n', []],
] as const) {
  test(`what never comes is told: ${JSON.stringify(keys)}`, async () => {
    const yaml = `${SMALL}${SCORED}metric_for_best_model: acc\n${keys}`
    const notes = await planScored(yaml, (made) => made.notes)
    expect(notes).toEqual(said.map((text) => expect.stringContaining(text)))
  })
}

test('a template that writes prompts has an effect without conversations, too', async () => {
  const said = 'chat_template: chatml\neval_generate: {path: prompts.jsonl, '
  const noted = await planScored(`${SMALL}${said}max_new_tokens: 8}\n`, ({ notes }) => notes)
  expect(noted).toEqual([expect.stringContaining('chat_template: it has no effect')])
  const yaml = `${SMALL}${said}apply_chat_template: true}\n`
  expect(await planScored(yaml, ({ notes }) => notes)).toEqual([])
})

test('what differs between two runs is told by its keys', async () => {
  const configOf = (yaml: string) => plan(yaml, ({ config }) => config)
  const one = await configOf(SMALL)
  expect(differingKeys(one, one)).toEqual([])
  const changes = 'learning_rate: 0.5\nlora_r: 4\nmax_steps: 5\nswarm: {quorum: 0.1}\n'
  expect(differingKeys(one, await configOf(SMALL + changes))).toEqual([
    'lora_r',
    'num_epochs or max_steps',
    'learning_rate',
    'swarm.quorum',
  ])
  const start = { checkpoint: { digest: 'a'.repeat(64), bytes: 4 }, parent: null }
  const begun = { ...one, adapter: { ...one.adapter, start } }
  for (const [from, to] of [
    [one, begun],
    [begun, one],
  ] as const) {
    expect(differingKeys(from, to)).toEqual(['adapter_from'])
  }
})

/** Decided by the program, not by run.yaml. */
const OWN = ['run.version', 'run.training.ratioMax']

test('every part of a RunConfig that run.yaml decides has its key', () => {
  const paths = Object.entries(runConfigSchema.fields).flatMap(([name, schema]) =>
    'fields' in schema
      ? Object.keys(schema.fields).map((field) => `run.${name}.${field}`)
      : [`run.${name}`],
  )
  for (const path of paths.filter((one) => !OWN.includes(one))) {
    const key = keyOf(path)
    expect(knownKeys(key.slice(0, -1)), path).toContain(key.at(-1))
  }
})
