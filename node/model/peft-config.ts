/**
 * adapter_config.json of PEFT: the adapter's rank, alpha and targets, and the names of the variants
 * of LoRA that we don't compute, each switched off.
 * Source: huggingface/peft, src/peft/tuners/lora/config.py.
 */

import { z } from 'zod'
import { type AdapterShape, TARGETS } from '../../kernels/index.ts'
import { ADAPTER_RANK_MAX } from '../../protocol/index.ts'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'

/** What every version of PEFT since 0.4 knows: older ones fail on keys that they don't. */
export function adapterConfig(shape: AdapterShape, baseName: string): object {
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: baseName,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: shape.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: shape.adapterRank,
    rank_pattern: {},
    revision: null,
    target_modules: TARGETS.filter((target) => shape.targets.includes(target)).map(moduleName),
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  }
}

const moduleName = (target: string) => `${target}_proj`
const MODULES = TARGETS.map(moduleName)

/** `r` and `lora_alpha` have the defaults of PEFT. Dropout acts in training only. */
const adapterSchema = z.looseObject({
  peft_type: z.string(),
  r: z.number().int().min(1).max(ADAPTER_RANK_MAX).default(8),
  lora_alpha: z.number().positive().default(8),
  target_modules: z.unknown(),
})

/** Fields that make another adapter when they are set to anything but these. */
const OFF: readonly [field: string, off: readonly unknown[]][] = [
  ['bias', ['none']],
  ['fan_in_fan_out', [false]],
  ['use_rslora', [false]],
  ['use_dora', [false]],
  ['use_qalora', [false]],
  ['use_bdlora', [false, null]],
  ['lora_bias', [false]],
  // Other kinds of start, such as PiSSA, also change the base.
  ['init_lora_weights', [true, false, 'gaussian']],
  ['exclude_modules', [null]],
  ['layer_replication', [null]],
  ['modules_to_save', [null]],
  ['layers_to_transform', [null]],
  ['trainable_token_indices', [null]],
  ['target_parameters', [null]],
  ['alora_invocation_tokens', [null]],
  ['rank_pattern', [null, '{}']],
  ['alpha_pattern', [null, '{}']],
]

/** @throws ModelError `malformed` for a broken file, `unsupported` for another kind of adapter. */
export function parseAdapterConfig(bytes: Uint8Array): AdapterShape {
  const json = parseJson(bytes, 'adapter_config.json', adapterSchema)
  if (json.peft_type !== 'LORA') throw unsupported('peft_type', json.peft_type, '"LORA"')
  for (const [field, off] of OFF) {
    const value = json[field]
    if (value === undefined || off.includes(value) || off.includes(JSON.stringify(value))) continue
    throw unsupported(field, value, JSON.stringify(off[0]))
  }
  return {
    adapterRank: json.r,
    alpha: json.lora_alpha,
    targets: targetsOf(json.target_modules),
  }
}

function targetsOf(modules: unknown): AdapterShape['targets'] {
  const isList = Array.isArray(modules) && modules.length > 0
  if (!isList || !modules.every((module) => MODULES.includes(module))) {
    throw unsupported('target_modules', modules ?? null, `a list of ${MODULES.join(', ')}`)
  }
  return TARGETS.filter((target) => modules.includes(moduleName(target)))
}

function unsupported(field: string, value: unknown, expected: string): ModelError {
  return new ModelError(
    'unsupported',
    `Cannot use this adapter as '${field}' of its adapter_config.json must be ${expected}: ` +
      `current value is ${JSON.stringify(value)}`,
  )
}
