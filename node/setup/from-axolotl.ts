/**
 * A configuration of axolotl as a run.yaml: which of its keys are taken over, which mean nothing
 * here and are left out, and which would change what is learned, so that it cannot be the same run.
 */

import { parseDocument } from 'yaml'
import { ConfigError } from '../../protocol/index.ts'
import { COLUMN_KEYS } from '../dataset/columns.ts'
import { KINDS, type Kind } from '../dataset/kinds.ts'
import { TURN_KEYS } from '../dataset/turn-keys.ts'
import { isTemplate, TEMPLATE_NAMES } from '../model/named-templates.ts'
import { DORA_DROPOUT } from './adapter-keys.ts'
import { type Fate, type Given, ignored, refused, taken } from './axolotl-fates.ts'
import {
  AXOLOTL_DEFAULTS,
  DATASET_NEUTRAL,
  ELSEWHERE,
  NEUTRAL,
  SAME,
  TYPES,
} from './axolotl-keys.ts'
import { preferenceDefaults, preferenceFate, ratedDatasetFault } from './axolotl-preference.ts'
import type { RunYamlInput } from './run-keys.ts'

export interface Translation {
  yaml: RunYamlInput
  taken: string[]
  /** Keys that the file leaves to axolotl's defaults, where ours are others. */
  added: string[]
  ignored: Reasoned[]
  refused: Reasoned[]
}

export interface Reasoned {
  key: string
  reason: string
}

const ALIASES_MAX = 100

const NO_ADAPTER =
  'it is not there, so axolotl trains all weights, and only LoRA can be pooled: say ' +
  "'adapter: lora'"

/** @throws ConfigError when the text is no YAML map */
export function fromAxolotl(source: string, file: string): Translation {
  const given = mapOf(source, file)
  const result: Translation = {
    yaml: blank(given),
    taken: [],
    added: [],
    ignored: [],
    refused: [],
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue
    for (const fate of fatesOf(key, value, given)) {
      if (fate.fate === 'taken') {
        Object.assign(result.yaml, fate.part)
        result.taken.push(key)
      } else result[fate.fate].push({ key, reason: fate.reason })
    }
  }
  if ((given.adapter ?? null) === null) result.refused.push({ key: 'adapter', reason: NO_ADAPTER })
  const defaults = { ...AXOLOTL_DEFAULTS, ...preferenceDefaults(given) }
  for (const [key, value] of Object.entries(defaults)) {
    if (key in result.yaml) continue
    Object.assign(result.yaml, { [key]: value })
    result.added.push(key)
  }
  result.taken.sort()
  return result
}

function mapOf(source: string, file: string): Given {
  let value: unknown
  try {
    const document = parseDocument(source, { prettyErrors: false })
    // What YAML only warns of, such as an unknown tag, would be taken for something else.
    const [fault] = [...document.errors, ...document.warnings]
    if (fault !== undefined) throw fault
    value = document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    throw new ConfigError(`Cannot read ${file}: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Given
  throw new ConfigError(`Cannot read ${file} as it must be a map of keys`)
}

function blank(given: Given): RunYamlInput {
  const base = String(given.base_model ?? 'embedded')
  const name = base.split('/').at(-1)!
  return { name: name.slice(0, 64), base_model: base, datasets: [] }
}

function fatesOf(key: string, value: unknown, given: Given): Fate[] {
  if (key === 'datasets') return datasetFates(value, (given.rl ?? null) !== null)
  const preference = preferenceFate(key, value, given)
  if (preference !== null) return [preference]
  const own = TRANSLATED[key]
  if (own !== undefined) return [own(value, given)]
  if (SAME.has(key)) return [taken({ [key]: value })]
  const neutral = NEUTRAL[key]
  if (neutral !== undefined) return [neutralFate(value, neutral)]
  const reason = ELSEWHERE.find(([pattern]) => pattern.test(key))?.[1]
  if (reason !== undefined) return [ignored(reason)]
  if (value === false) return [ignored('it is off')]
  return [refused('it is not known here, so what it changes would be lost')]
}

function neutralFate(value: unknown, neutral: readonly unknown[]): Fate {
  const isSame = (one: unknown) => JSON.stringify(one) === JSON.stringify(value)
  return neutral.some(isSame) ? taken({}) : refused(changes(value, neutral))
}

/** Nothing but emptiness can be said of some keys: those can only go. */
function changes(value: unknown, neutral: readonly unknown[]): string {
  const words = neutral.map((one) => JSON.stringify(one))
  const could = words.every((word) => word === '[]')
    ? 'it can only be left out'
    : `it can be ${words.join(', ')}, or left out`
  return `${JSON.stringify(value)} would change what is learned; ${could}`
}

/** Keys whose meaning depends on their value, or on others. */
const TRANSLATED: Readonly<Record<string, (value: unknown, given: Given) => Fate>> = {
  adapter(value, given) {
    if (value === 'lora') return taken({})
    if (value === 'qlora') return taken({ load_in_4bit: given.load_in_8bit !== true })
    return refused(`it is '${value}', and only LoRA can be pooled`)
  },
  lora_dropout: (value, { peft_use_dora: isDora }) =>
    isDora === true && value !== 0
      ? refused(`with 'peft_use_dora' it can be 0, or left out: ${DORA_DROPOUT}`)
      : taken({ lora_dropout: value as number }),
  lr_scheduler(value) {
    if (value === 'constant' || value === 'linear' || value === 'cosine') {
      return taken({ lr_scheduler: value })
    }
    return refused(`'${value}' is not constant, linear or cosine`)
  },
  cosine_min_lr_ratio: (value, { lr_scheduler: schedule = AXOLOTL_DEFAULTS.lr_scheduler }) =>
    schedule === 'cosine'
      ? taken({ cosine_min_lr_ratio: value as number })
      : ignored("'lr_scheduler' is not cosine"),
  metric_for_best_model(value) {
    if (value === 'loss' || value === 'eval_loss') return taken({})
    return refused(
      `'${value}' is not known here: the best round is told by 'eval_loss', or by a score of ` +
        "'eval_choices' or 'eval_generate'",
    )
  },
  plugins(value) {
    const all = Array.isArray(value) ? value : [value]
    const others = all.filter((one) => !FASTER.test(`${one}`))
    if (others.length === 0) return ignored('kernels are our own')
    return refused(`what ${others.join(', ')} changes would be lost`)
  },
  lora_model_dir(value) {
    if (value === '' || value === null) return taken({})
    if (typeof value === 'string') return taken({ adapter_from: value })
    return refused('it is no path')
  },
  warmup_steps(value, { max_steps: steps }) {
    if (typeof steps === 'number') {
      return taken({ warmup_ratio: Math.min(1, Number(value) / steps) })
    }
    return ignored("say 'warmup_ratio', as the number of steps is not known")
  },
  chat_template(value, { chat_template_jinja: text }) {
    if (value === 'jinja' && typeof text === 'string') return taken({ chat_template: text })
    if (typeof value === 'string' && isTemplate(value)) return taken({ chat_template: value })
    return refused(
      `no template is known as '${value}' here: it can be ${TEMPLATE_NAMES.join(', ')}, the path ` +
        'of a .jinja file, or a template itself',
    )
  },
  special_tokens(value) {
    const names = Object.keys((value ?? {}) as object).filter((name) => name !== 'pad_token')
    if (names.length === 0) return ignored('sequences are packed, not padded')
    return refused(`${names.join(', ')} of the base's own tokenizer are used`)
  },
  chat_template_jinja: (_, { chat_template: name }) =>
    name === 'jinja' ? taken({}) : ignored("'chat_template' is not jinja"),
}

/** Plugins that compute the same in less time. */
const FASTER = /^axolotl\.integrations\.(liger|cut_cross_entropy)\./

function datasetFates(value: unknown, isRated: boolean): Fate[] {
  const list: unknown[] = Array.isArray(value) ? value : []
  const faults: Fate[] = []
  const datasets = list.map((item) => {
    const given = (item ?? {}) as Given
    return datasetOf(isRated ? withoutRated(given, faults) : given, faults)
  })
  return [taken({ datasets }), ...faults]
}

/** The keys without those that mean something else where answers are rated, or nothing. */
function withoutRated(item: Given, faults: Fate[]): Given {
  const kept = Object.entries(item).filter(([key, value]) => {
    if ((value ?? null) === null) return false
    const fault = ratedDatasetFault(key, value)
    if (typeof fault === 'string') faults.push(refused(fault))
    return fault === undefined
  })
  return Object.fromEntries(kept)
}

/** Keys of a dataset that mean the same. */
const DATASET_SAME: readonly string[] = ['name', 'split', ...COLUMN_KEYS, ...TURN_KEYS]

function datasetOf(item: Given, faults: Fate[]): RunYamlInput['datasets'][number] {
  const { path, type, revision, ds_type: _, ...rest } = withMappings(item)
  const kind = TYPES[`${type}`] ?? type
  const isKnown = KINDS.includes(kind as Kind)
  if (type !== undefined && !isKnown) {
    faults.push(refused(`the type ${JSON.stringify(type)} is not known here`))
  }
  if (rest.roles_to_train === null) faults.push(refused(LAST_ALONE))
  const said = Object.entries(rest).filter(([, value]) => (value ?? null) !== null)
  const same = said.filter(([key]) => DATASET_SAME.includes(key))
  for (const [key, value] of said) {
    const fault = DATASET_SAME.includes(key) ? null : datasetFault(key, value)
    if (fault !== null) faults.push(refused(fault))
  }
  const of = (revision ?? null) === null ? '' : `@${revision}`
  return {
    path: `${path}${of}`,
    ...(isKnown && { type: kind as Kind }),
    ...Object.fromEntries(same),
  }
}

const LAST_ALONE =
  "'roles_to_train' without a value learns the last message alone: that is not done here, so " +
  'name the roles, or leave it out to learn all that the assistant says'

/** The older keys for what a message calls its role and content are the newer one. */
function withMappings({
  message_field_role: role,
  message_field_content: content,
  ...item
}: Given): Given {
  const older = Object.entries({ role, content }).filter(([, name]) => (name ?? null) !== null)
  if (older.length === 0) return item
  const newer = (item.message_property_mappings ?? {}) as Given
  return { ...item, message_property_mappings: { ...Object.fromEntries(older), ...newer } }
}

/** Why a key of a dataset would change what is learned; null: its value means what happens here. */
function datasetFault(key: string, value: unknown): string | null {
  const neutral = DATASET_NEUTRAL[key]
  if (neutral === undefined) return `'${key}' of a dataset means nothing here`
  if (neutralFate(value, neutral).fate === 'taken') return null
  return `'${key}' of a dataset: ${changes(value, neutral)}`
}
