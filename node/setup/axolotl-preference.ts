/**
 * axolotl's keys for learning from answers that are rated. Where TRL computes something else than
 * what is computed here under the same name, that is refused: whoever wants ours writes it.
 * Source: axolotl, core/builders/rl.py, core/trainers/dpo and utils/schemas; TRL's DPOConfig,
 * CPOConfig, ORPOConfig and KTOConfig for what those leave out.
 */
import { type Fate, type Given, ignored, refused, taken } from './axolotl-fates.ts'
import type { RunYamlInput } from './run-keys.ts'

/** What TRL takes where a file does not say it, and Barnraise would take otherwise. */
export const preferenceDefaults = ({ rl }: Given): Partial<RunYamlInput> =>
  rl === 'simpo' ? { cpo_alpha: 1 } : {}

const BY_HAND = 'to have that, leave it out and write it into run.yaml'

/** Losses whose name means the same. */
function lossFate(value: unknown, { dpo_loss_type: types }: Given): Fate {
  switch (value) {
    case 'dpo':
      return lossOfTypes(types ?? ['sigmoid'])
    case 'ipo':
    case 'simpo':
      return taken({ rl: value })
    case 'orpo':
      return refused(
        `the prompt is learned, too, with the chosen answer, and here it is not: ${BY_HAND}`,
      )
    case 'kto':
      return refused(
        `it is measured from an estimate of the divergence, and here from 0: ${BY_HAND}`,
      )
    default:
      return refused(`'${value}' is not dpo, ipo, orpo, kto or simpo`)
  }
}

function lossOfTypes(types: unknown): Fate {
  const [type, ...others] = Array.isArray(types) ? types : [types]
  if (others.length === 0 && type === 'sigmoid') return taken({ rl: 'dpo' })
  if (others.length === 0 && type === 'ipo') return taken({ rl: 'ipo' })
  return refused(`of 'dpo_loss_type' one can be had, ["sigmoid"] or ["ipo"]`)
}

const gone = (what: string): Fate => refused(`axolotl has it no more: ${what}`)

const TRANSLATED: Readonly<Record<string, (value: unknown, given: Given) => Fate>> = {
  rl: lossFate,
  // What it says is in what becomes of 'rl'.
  dpo_loss_type: () => taken({}),
  rl_beta: betaFate,
  dpo_beta: (value, given) =>
    (given.rl_beta ?? null) === null ? betaFate(value, given) : ignored("'rl_beta' is there"),
  trl: (value) => {
    const said = Object.keys((value ?? {}) as object)
    if (said.length === 0) return taken({})
    return refused(`of '${said.join("', '")}' none is known here: say β as 'rl_beta'`)
  },
  dpo_label_smoothing: (value, { rl }) =>
    rl === 'dpo' ? taken({ dpo_label_smoothing: value as number }) : ignored("'rl' is not dpo"),
  simpo_gamma: (value) => taken({ simpo_gamma: value as number }),
  cpo_alpha: (value) => taken({ cpo_alpha: value as number }),
  orpo_alpha: (value) => taken({ orpo_alpha: value as number }),
  kto_desirable_weight: (value) => taken({ kto_desirable_weight: value as number }),
  kto_undesirable_weight: (value) => taken({ kto_undesirable_weight: value as number }),
  dpo_loss_weights: () => refused('losses cannot be added up here: leave it out'),
  dpo_use_weighting: (value) =>
    value === false ? taken({}) : refused('pairs cannot be weighted here: leave it out'),
  dpo_norm_loss: () => gone("for means over tokens say 'rl: ipo' or 'rl: simpo'"),
  rpo_alpha: () => gone("for the chosen answer's own loss say 'rl: simpo' with 'cpo_alpha'"),
  dpo_use_logits_to_keep: () => gone('leave it out'),
  dpo_generate_during_eval: () => gone('leave it out'),
  dpo_padding_free: () => ignored('answers are packed, not padded'),
  dpo_use_liger_kernel: () => ignored('kernels are our own'),
  precompute_ref_log_probs: () => ignored('the reference goes along with each step'),
  remove_unused_columns: () => ignored('columns that mean nothing are told'),
  max_prompt_len: () => ignored('TRL cuts no prompts any more'),
}

/** Orpo's is the weight of the odds ratio, whose own key is the other one. */
function betaFate(value: unknown, { rl }: Given): Fate {
  return taken(rl === 'orpo' ? { orpo_alpha: value as number } : { rl_beta: value as number })
}

/** Null: the key is of something else. */
export function preferenceFate(key: string, value: unknown, given: Given): Fate | null {
  if (key in TRANSLATED) return TRANSLATED[key]!(value, given)
  // TRL trains without dropout there, unless it is told otherwise.
  if (key === 'lora_dropout' && (given.rl ?? null) !== null && value !== 0) {
    return ignored('nothing is dropped where answers are rated')
  }
  return null
}

/** Types whose rows are read as they are, and written by the chat template. */
const TYPES = ['chat_template.default', 'chat_template.argilla_chat']

const NEUTRAL: Readonly<Record<string, unknown>> = {
  field_messages: 'messages',
  field_chosen: 'chosen',
  field_rejected: 'rejected',
  message_property_mappings: { role: 'role', content: 'content' },
  roles: { user: ['user'], assistant: ['assistant'], system: ['system'] },
}

const PLAIN_ROWS = "give rows with 'prompt', 'chosen' and 'rejected'"

/** What is wrong with a key of a dataset; null: nothing; undefined: it means the same as ever. */
export function ratedDatasetFault(key: string, value: unknown): string | null | undefined {
  if (key === 'type') {
    if (TYPES.includes(`${value}`)) return null
    const type = JSON.stringify(value)
    return `the type ${type} writes prompts in a way of its own: ${PLAIN_ROWS}`
  }
  if (!(key in NEUTRAL)) return undefined
  if (JSON.stringify(NEUTRAL[key]) === JSON.stringify(value)) return null
  return `'${key}' of a dataset: it can only be left out, or ${JSON.stringify(NEUTRAL[key])}`
}
