/**
 * adapter_config.json of PEFT: the adapter's rank, alpha and targets, and the names of the variants
 * of LoRA that we don't compute, each switched off.
 * Source: huggingface/peft, src/peft/tuners/lora/config.py.
 */

import { z } from 'zod'
import { type AdapterShape, type ModelShape, TARGETS } from '../../kernels/index.ts'
import { ADAPTER_RANK_MAX, LAYERS_MAX } from '../../protocol/index.ts'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'
import {
  exceptionsOf,
  PATTERNS_MAX,
  type Patterns,
  patternFault,
  patternsOf,
} from './peft-patterns.ts'

/** What every version of PEFT since 0.4 knows: older ones fail on keys that they don't. */
export function adapterConfig(
  model: ModelShape,
  shape: AdapterShape,
  baseName: string,
  dropout = 0,
): object {
  return {
    alpha_pattern: patternsOf(model, shape, 'alpha'),
    auto_mapping: null,
    base_model_name_or_path: baseName,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: shape.layers ?? null,
    lora_alpha: shape.alpha,
    lora_dropout: dropout,
    modules_to_save: null,
    peft_type: 'LORA',
    r: shape.adapterRank,
    rank_pattern: patternsOf(model, shape, 'adapterRank'),
    revision: null,
    target_modules: TARGETS.filter((target) => shape.targets.includes(target)).map(moduleName),
    task_type: 'CAUSAL_LM',
    use_dora: shape.variant === 'dora',
    use_rslora: shape.scaling === 'rslora',
  }
}

const moduleName = (target: string) => `${target}_proj`
const MODULES = TARGETS.map(moduleName)

const layer = z.number().int().min(0)

/** `r` and `lora_alpha` have the defaults of PEFT. Dropout acts in training only. */
const adapterSchema = z.looseObject({
  peft_type: z.string(),
  r: z.number().int().min(1).max(ADAPTER_RANK_MAX).default(8),
  lora_alpha: z.number().positive().default(8),
  target_modules: z.unknown(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  layers_to_transform: z
    .union([layer.transform((one) => [one]), z.array(layer).max(LAYERS_MAX)])
    .nullish(),
  rank_pattern: z.record(z.string(), z.number().int().min(1).max(ADAPTER_RANK_MAX)).nullish(),
  alpha_pattern: z.record(z.string(), z.number().positive()).nullish(),
})

/** Fields that make another adapter when they are set to anything but these. */
const OFF: readonly [field: string, off: readonly unknown[]][] = [
  ['bias', ['none']],
  ['fan_in_fan_out', [false]],
  ['use_qalora', [false]],
  ['use_bdlora', [false, null]],
  ['lora_bias', [false]],
  // Other kinds of start, such as PiSSA, also change the base.
  ['init_lora_weights', [true, false, 'gaussian']],
  ['exclude_modules', [null]],
  ['layer_replication', [null]],
  ['modules_to_save', [null]],
  ['layers_pattern', [null, 'layers', '["layers"]', '[]']],
  ['trainable_token_indices', [null]],
  ['target_parameters', [null]],
  ['alora_invocation_tokens', [null]],
]

/** @throws ModelError `malformed` for a broken file, `unsupported` for another kind of adapter. */
export function parseAdapterConfig(bytes: Uint8Array, model: ModelShape): AdapterShape {
  const json = parseJson(bytes, 'adapter_config.json', adapterSchema)
  if (json.peft_type !== 'LORA') throw unsupported('peft_type', json.peft_type, '"LORA"')
  for (const [field, off] of OFF) {
    const value = json[field]
    if (value === undefined || off.includes(value) || off.includes(JSON.stringify(value))) continue
    throw unsupported(field, value, JSON.stringify(off[0]))
  }
  const layers = layersOf(json.layers_to_transform ?? [], model)
  const shape: AdapterShape = {
    adapterRank: json.r,
    alpha: json.lora_alpha,
    targets: targetsOf(json.target_modules),
    ...(layers === null ? {} : { layers }),
    ...(json.use_rslora === true ? { scaling: 'rslora' } : {}),
    ...(json.use_dora === true ? { variant: 'dora' } : {}),
  }
  const ranks = checkedPatterns('rank_pattern', json.rank_pattern ?? {})
  const alphas = checkedPatterns('alpha_pattern', json.alpha_pattern ?? {})
  const exceptions = exceptionsOf(model, shape, ranks, alphas)
  return { ...shape, ...(exceptions.length === 0 ? {} : { exceptions }) }
}

/** Null: all of them. PEFT takes an empty list for all, too. */
function layersOf(named: readonly number[], { layerCount }: ModelShape): number[] | null {
  const layers = [...new Set(named)].toSorted((a, b) => a - b)
  if (layers.some((one) => one >= layerCount)) {
    const rule = `layers from 0 to ${layerCount - 1} of this base`
    throw unsupported('layers_to_transform', named, rule)
  }
  return layers.length === 0 || layers.length === layerCount ? null : layers
}

function checkedPatterns(field: string, patterns: Patterns): Patterns {
  const keys = Object.keys(patterns)
  if (keys.length > PATTERNS_MAX) {
    throw unsupported(field, keys.length, `at most ${PATTERNS_MAX} patterns`)
  }
  for (const key of keys) {
    const rule = patternFault(key)
    if (rule !== null) throw unsupported(field, key, rule)
  }
  return patterns
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
