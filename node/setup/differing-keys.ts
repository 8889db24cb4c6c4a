/** Which keys of run.yaml made a run another one than it was. */
import type { RunConfig } from '../../protocol/index.ts'
import { keyOf } from './run-config-of.ts'

/** Keys that decide the same thing: a RunConfig does not tell which of them was written. */
const OR: Readonly<Record<string, string>> = {
  num_epochs: 'num_epochs or max_steps',
  lora_target_modules: 'lora_target_modules or lora_target_linear',
  peft_rank_pattern: 'peft_rank_pattern or peft_alpha_pattern',
  eval_choices: 'eval_choices or eval_generate',
  integer_products: 'integer_products or load_in_8bit',
  load_in_8bit: 'load_in_8bit or load_in_4bit',
}

/** Their names, in the order in which a RunConfig has what they decide; data counts as one. */
export function differingKeys(one: RunConfig, other: RunConfig): string[] {
  const keys = differingPaths('run', one, other).map((path) => {
    const key = keyOf(path).join('.')
    return OR[key] ?? (key === '' ? path : key)
  })
  return [...new Set(keys)]
}

function differingPaths(path: string, one: unknown, other: unknown): string[] {
  if (!isMap(one) || !isMap(other)) {
    return JSON.stringify(one) === JSON.stringify(other) ? [] : [path]
  }
  const keys = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...keys].flatMap((key) => differingPaths(`${path}.${key}`, one[key], other[key]))
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
