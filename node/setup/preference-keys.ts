/**
 * The keys of run.yaml for learning from answers that are rated, and what they leave no room for.
 * Names and meanings are axolotl's; defaults are TRL's, but for `cpo_alpha`, which is 0: what the
 * paper of SimPO has.
 */
import { z } from 'zod'
import { IPO_BETA_MIN, type RunConfig, runConfigSchema } from '../../protocol/index.ts'
import { COLUMN_KEYS } from '../dataset/columns.ts'
import type { DatasetEntry } from '../dataset/sources.ts'
import { TURN_KEYS } from '../dataset/turn-keys.ts'
import { within } from './within.ts'

type Preference = NonNullable<RunConfig['training']['preference']>

const {
  loss,
  beta,
  labelSmoothing,
  targetMargin,
  chosenWeight,
  desirableWeight,
  undesirableWeight,
} = runConfigSchema.fields.training.fields.preference.inner.fields

const { sequenceLength } = runConfigSchema.fields.dataset.fields

export const preferenceKeys = {
  rl: z
    .enum(loss.allowed)
    .optional()
    .describe(
      'What is learned from answers that are rated: from pairs by `dpo`, `ipo`, `orpo` or ' +
        '`simpo`, from single ones by `kto`. Left out: texts are learned as they are.',
    ),
  rl_beta: within(beta)
    .optional()
    .describe(
      'β of `dpo`, `ipo`, `kto` and `simpo`: how much a difference counts, `ipo` from ' +
        `${IPO_BETA_MIN}; left out: 0.1.`,
    ),
  dpo_label_smoothing: z
    .union([z.literal(0), within(labelSmoothing.inner)])
    .optional()
    .describe('The share of pairs that `dpo` takes to be told the wrong way round; left out: 0.'),
  orpo_alpha: within(beta)
    .optional()
    .describe(
      "The weight of `orpo`'s odds ratio beside the loss of the chosen one; left out: 0.1.",
    ),
  simpo_gamma: z
    .union([z.literal(0), within(targetMargin.inner)])
    .optional()
    .describe('γ of `simpo`: by how much the chosen answer is to be the better; left out: 0.5.'),
  cpo_alpha: z
    .union([z.literal(0), within(chosenWeight.inner)])
    .optional()
    .describe("The weight of the chosen answer's own loss beside `simpo`'s; left out: 0."),
  kto_desirable_weight: within(desirableWeight.inner)
    .optional()
    .describe('How much `kto` minds good answers; left out: 1.'),
  kto_undesirable_weight: within(undesirableWeight.inner)
    .optional()
    .describe('How much it minds bad ones; left out: 1.'),
}

export type PreferenceKeys = {
  [K in keyof typeof preferenceKeys]?: z.infer<(typeof preferenceKeys)[K]>
}

/** The losses that a key means something to. */
const LOSSES_OF = {
  rl_beta: ['dpo', 'ipo', 'kto', 'simpo'],
  dpo_label_smoothing: ['dpo'],
  orpo_alpha: ['orpo'],
  simpo_gamma: ['simpo'],
  cpo_alpha: ['simpo'],
  kto_desirable_weight: ['kto'],
  kto_undesirable_weight: ['kto'],
} as const satisfies Partial<Record<keyof PreferenceKeys, readonly Preference['loss'][]>>

const PARAMETERS = Object.keys(LOSSES_OF) as (keyof typeof LOSSES_OF)[]

const BETA = 0.1
const GAMMA = 0.5

/** What answers are rated by; null: none are. What says nothing new is left out. */
export function preferenceOf(yaml: PreferenceKeys): Preference | null {
  if (yaml.rl === undefined) return null
  const { rl, dpo_label_smoothing: smoothing = 0, cpo_alpha: chosen = 0 } = yaml
  const { kto_desirable_weight: good = 1, kto_undesirable_weight: bad = 1 } = yaml
  const gamma = rl === 'simpo' ? (yaml.simpo_gamma ?? GAMMA) : 0
  return {
    loss: rl,
    beta: (rl === 'orpo' ? yaml.orpo_alpha : yaml.rl_beta) ?? BETA,
    ...(smoothing === 0 ? {} : { labelSmoothing: smoothing }),
    ...(gamma === 0 ? {} : { targetMargin: gamma }),
    ...(chosen === 0 ? {} : { chosenWeight: chosen }),
    ...(good === 1 ? {} : { desirableWeight: good }),
    ...(bad === 1 ? {} : { undesirableWeight: bad }),
  }
}

/** What a run.yaml says that a preference leaves no room for. */
interface Beside extends PreferenceKeys {
  datasets: readonly DatasetEntry[]
  sequence_len: number
  train_on_inputs: boolean
  sample_packing: boolean
  lora_dropout: number
  neftune_noise_alpha: number
  swarm: { aggregation: string }
}

/** A key that does not go with the others, and what is wrong of it. */
export interface Misfit {
  path: readonly (string | number)[]
  message: string
  input: unknown
}

/** Keys that mean nothing with this loss, or with none. */
export function preferenceFaults(yaml: Beside): Misfit[] {
  const { rl } = yaml
  if (rl === undefined) {
    const said = PARAMETERS.filter((key) => yaml[key] !== undefined)
    return said.map((key) => {
      const losses = LOSSES_OF[key].map((loss) => `'rl: ${loss}'`)
      const message = `must be left out where 'rl' is: it is for ${losses.join(', ')}`
      return { path: [key], message, input: yaml[key] }
    })
  }
  const others = PARAMETERS.filter((key) => {
    const losses: readonly string[] = LOSSES_OF[key]
    return yaml[key] !== undefined && !losses.includes(rl)
  })
  return [
    ...others.map((key) => ({
      path: [key],
      message: `must be left out with 'rl: ${rl}'${hintOf(key, rl)}`,
      input: yaml[key],
    })),
    ...betaMisfits(yaml),
    ...misfits(yaml),
    ...yaml.datasets.flatMap((dataset, index) => datasetMisfits(dataset, index)),
  ]
}

function hintOf(key: string, rl: Preference['loss']): string {
  if (key === 'rl_beta') return ": its weight is 'orpo_alpha'"
  const own = PARAMETERS.filter((one) => (LOSSES_OF[one] as readonly string[]).includes(rl))
  return `, which has ${own.map((one) => `'${one}'`).join(', ')}`
}

function betaMisfits({ rl, rl_beta: beta = BETA }: Beside): Misfit[] {
  if (rl !== 'ipo' || beta >= IPO_BETA_MIN) return []
  const message = `must be at least ${IPO_BETA_MIN} with 'rl: ipo', whose loss begins at (1/(2β))²`
  return [{ path: ['rl_beta'], message, input: beta }]
}

function misfits(yaml: Beside): Misfit[] {
  const lengthMax = sequenceLength.max / 2
  if (yaml.sequence_len > lengthMax) {
    const message = `must be at most ${lengthMax} with 'rl': a sequence holds two answers of it`
    return [{ path: ['sequence_len'], message, input: yaml.sequence_len }]
  }
  const rules: [path: readonly string[], isBroken: boolean, input: unknown, why: string][] = [
    [['train_on_inputs'], yaml.train_on_inputs, true, 'answers alone are rated'],
    [['sample_packing'], yaml.sample_packing, true, 'answers lie side by side anyway'],
    [
      ['lora_dropout'],
      yaml.lora_dropout > 0,
      yaml.lora_dropout,
      'nothing is dropped where a model is compared with its base',
    ],
    [
      ['neftune_noise_alpha'],
      yaml.neftune_noise_alpha > 0,
      yaml.neftune_noise_alpha,
      'a model with noise is not to be compared with its base',
    ],
    [
      ['swarm', 'aggregation'],
      yaml.swarm.aggregation !== 'delta',
      yaml.swarm.aggregation,
      'gradients are averaged by tokens, and answers count one each',
    ],
  ]
  return rules
    .filter(([, isBroken]) => isBroken)
    .map(([path, , input, why]) => ({
      path,
      message: `must be left out with 'rl: ${yaml.rl}': ${why}`,
      input,
    }))
}

function datasetMisfits(dataset: DatasetEntry, index: number): Misfit[] {
  const keys = (['type', ...COLUMN_KEYS, ...TURN_KEYS] as const).filter(
    (key) => dataset[key] !== undefined,
  )
  return keys.map((key) => ({
    path: ['datasets', index, key],
    message:
      "must be left out where 'rl' is set: rows have 'prompt', 'chosen' and 'rejected', or " +
      "'prompt', 'completion' and 'label'",
    input: dataset[key],
  }))
}
