/**
 * A configuration of axolotl as a run.yaml: which of its keys are taken over, which mean nothing
 * here and are left out, and which would change the maths, so that it cannot be the same run.
 * Source: axolotl, docs/config-reference.
 */
import { parse } from 'yaml'
import { ConfigError } from '../../protocol/errors.ts'
import { COLUMN_KEYS } from '../dataset/columns.ts'
import { KINDS, type Kind } from '../dataset/kinds.ts'
import { moduleNames } from './run-yaml.ts'
import type { RunYamlInput } from './write-yaml.ts'

export interface Translation {
  yaml: RunYamlInput
  taken: string[]
  ignored: { key: string; reason: string }[]
  refused: { key: string; reason: string }[]
}

/** Same name, same meaning. */
const SAME = [
  ...['base_model', 'load_in_8bit', 'val_set_size', 'sequence_len', 'lora_r', 'lora_alpha'],
  ...['micro_batch_size', 'gradient_accumulation_steps', 'num_epochs', 'max_steps'],
  ...['learning_rate', 'warmup_ratio', 'weight_decay', 'max_grad_norm', 'adam_beta1'],
  ...['adam_beta2', 'adam_epsilon', 'seed', 'output_dir', 'sample_packing'],
  ...['excess_length_strategy', 'chat_template'],
] as const

/** What is about their machine, their logs, or their way to compute the same. */
const ELSEWHERE: readonly [pattern: RegExp, reason: string][] = [
  [/^(bf16|fp16|tf32|float16|bfloat16|bnb_config_kwargs)$/, 'numbers are as the base stores them'],
  [/^(\w+_attention|flash_attn\w*|attn_implementation|torch_compile\w*)$/, 'kernels are our own'],
  [/^(gradient_checkpointing\w*)$/, 'each volunteer fits the job into its memory'],
  [
    /^(deepspeed|fsdp\w*|ddp\w*|local_rank|device_map|tensor_parallel_size)$/,
    'volunteers share it',
  ],
  [/^(wandb_|mlflow_|comet_|use_tensorboard|logging_steps)/, 'see metrics.jsonl and tensorboard/'],
  [
    /^(save_|saves_per|eval_|evals_per|early_stopping|load_best_model|resume_from|auto_resume)/,
    'every round is kept and evaluated',
  ],
  [/^(hub_|push_)/, 'publish an export yourself'],
  [/^(dataset_prepared_path|dataset_processes|dataloader_|pretraining_dataset)/, 'shards are ours'],
  [
    /^(model_type|tokenizer_type|is_\w+_derived_model|trust_remote_code|base_model_config)$/,
    'the base tells',
  ],
  [
    /^(pad_to_sequence_len|group_by_length|eval_sample_packing|strict|debug|plugins)$/,
    'no matter here',
  ],
  [/^(special_tokens)$/, 'the tokenizer of the base is used as it is'],
  [
    /^(tokens_per_second|include_tokens_per_second|profiler_steps|ray_\w+|use_ray)$/,
    'no matter here',
  ],
]

/** What would have to be the value, so that leaving the key out changes nothing. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  lora_dropout: [0],
  peft_use_dora: [false],
  peft_use_rslora: [false],
  lora_fan_in_fan_out: [false],
  lora_modules_to_save: [[]],
  train_on_inputs: [false],
  shuffle_merged_datasets: [true],
  optimizer: [
    ...['adamw_torch', 'adamw_torch_fused', 'adamw_hf', 'adamw_bnb_8bit', 'adamw_8bit'],
    ...['paged_adamw_8bit', 'paged_adamw_32bit'],
  ],
}

/** @throws ConfigError when the text is no YAML map */
export function fromAxolotl(source: string, file: string): Translation {
  const given = mapOf(source, file)
  const result: Translation = { yaml: blank(given), taken: [], ignored: [], refused: [] }
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue
    translate(key, value, given, result)
  }
  result.taken.sort()
  return result
}

function mapOf(source: string, file: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parse(source)
  } catch (error) {
    throw new ConfigError(`Cannot read ${file}: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new ConfigError(`Cannot read ${file} as it must be a map of keys`)
}

function blank(given: Record<string, unknown>): RunYamlInput {
  const base = String(given.base_model ?? 'embedded')
  const name = base.split('/').at(-1)!
  return { name: name.slice(0, 64), base_model: base, datasets: [] }
}

function translate(
  key: string,
  value: unknown,
  given: Record<string, unknown>,
  { yaml, taken, ignored, refused }: Translation,
): void {
  const take = (part: Partial<RunYamlInput>) => {
    Object.assign(yaml, part)
    taken.push(key)
  }
  const refuse = (reason: string) => refused.push({ key, reason })
  if ((SAME as readonly string[]).includes(key)) return take({ [key]: value })
  switch (key) {
    case 'adapter':
      if (value === 'lora') return take({})
      if (value === 'qlora') return take({ load_in_4bit: given.load_in_8bit !== true })
      refuse(`it is '${value}', and only LoRA can be pooled`)
      return
    case 'load_in_4bit':
      return take({ load_in_4bit: Boolean(value) })
    case 'lr_scheduler':
      if (['constant', 'linear', 'cosine'].includes(`${value}`)) {
        return take({ lr_scheduler: value as 'linear' })
      }
      refuse(`'${value}' is not constant, linear or cosine`)
      return
    case 'lora_target_modules':
      return take({ lora_target_modules: value as [] })
    case 'lora_target_linear':
      return value === true ? take({ lora_target_modules: [...moduleNames] }) : take({})
    case 'warmup_steps':
      if (typeof given.max_steps === 'number') {
        return take({ warmup_ratio: Math.min(1, Number(value) / given.max_steps) })
      }
      ignored.push({ key, reason: "say 'warmup_ratio', as the number of steps is not known" })
      return
    case 'datasets':
      return take({ datasets: datasetsOf(value, refuse) })
  }
  const neutral = NEUTRAL[key]
  if (neutral !== undefined) {
    const isNeutral = neutral.some((one) => JSON.stringify(one) === JSON.stringify(value))
    if (isNeutral) taken.push(key)
    else refuse(`${JSON.stringify(value)} would change the maths; it can be ${neutral.join(', ')}`)
    return
  }
  const reason = ELSEWHERE.find(([pattern]) => pattern.test(key))?.[1]
  if (reason !== undefined || value === false) ignored.push({ key, reason: reason ?? 'it is off' })
  else refuse('it is not known here, so what it changes would be lost')
}

const TYPES: Readonly<Record<string, Kind>> = {
  'alpaca:chat': 'alpaca',
  'sharegpt:chat': 'sharegpt',
  input_output: 'prompt_completion',
  pretrain: 'completion',
}

function datasetsOf(value: unknown, refuse: (reason: string) => void): RunYamlInput['datasets'] {
  const list = Array.isArray(value) ? value : []
  return list.map((item: Record<string, unknown>) => {
    const { path, type, ds_type: _, ...rest } = item ?? {}
    const kind = TYPES[`${type}`] ?? type
    const isKnown = KINDS.includes(kind as Kind)
    if (type !== undefined && !isKnown) refuse(`the type ${JSON.stringify(type)} is not known here`)
    const taken = COLUMN_KEYS.filter((key) => rest[key] !== undefined)
    const known: readonly string[] = ['split', 'name', ...COLUMN_KEYS]
    const strange = Object.keys(rest).filter((key) => !known.includes(key))
    if (strange.length > 0) refuse(`${strange.join(', ')} of a dataset mean nothing here`)
    const columns = Object.fromEntries(taken.map((key) => [key, rest[key]]))
    return { path: String(path), ...(isKnown && { type: kind as Kind }), ...columns }
  })
}
