/** What answers are rated by: its part of RunConfig, and what contradicts itself there. */
import type { Contradiction } from './contradiction.ts'
import { type Infer, oneOf, optional, real, struct } from './schema.ts'

/** What answers are rated by; kernels/preference.ts says what each means. */
export const preference = struct({
  loss: oneOf('dpo', 'ipo', 'orpo', 'kto', 'simpo'),
  beta: real(1e-6, 1e3),
  /** The loss must be dpo; absent: 0. */
  labelSmoothing: optional(real(1e-6, 0.5)),
  /** The loss must be simpo; absent: 0. */
  targetMargin: optional(real(1e-6, 1e3)),
  chosenWeight: optional(real(1e-6, 1e3)),
  /** The loss must be kto; absent: 1. */
  desirableWeight: optional(real(1e-6, 1e3)),
  undesirableWeight: optional(real(1e-6, 1e3)),
})
type Preference = Infer<typeof preference>

/** The loss of ipo begins at (1/(2β))², 2500 with this; a message has losses up to LOSS_MAX. */
export const IPO_BETA_MIN = 0.01

/** The losses that have a field. */
const OF_LOSSES = {
  labelSmoothing: 'dpo',
  targetMargin: 'simpo',
  chosenWeight: 'simpo',
  desirableWeight: 'kto',
  undesirableWeight: 'kto',
} as const

/** What of the rest of a RunConfig has to go with it. */
interface Training {
  preference?: Preference | undefined
  mode: string
  dropout?: number | undefined
  embeddingNoise?: number | undefined
}

export function contradictionsOfPreference(
  { preference: rated, mode, dropout, embeddingNoise }: Training,
  { layout }: { layout: string },
): Contradiction[] {
  if (rated === undefined) {
    const isRated = layout === 'answers'
    return [[isRated, 'training.preference', "there where the layout is 'answers'", 'absent']]
  }
  const fields = Object.entries(OF_LOSSES) as [keyof typeof OF_LOSSES, string][]
  return [
    [layout !== 'answers', 'dataset.layout', "'answers' where answers are rated", layout],
    [mode !== 'delta', 'training.mode', 'delta where answers are rated', mode],
    [dropout !== undefined, 'training.dropout', 'absent where answers are rated', dropout],
    [
      embeddingNoise !== undefined,
      'training.embeddingNoise',
      'absent where answers are rated',
      embeddingNoise,
    ],
    [
      rated.loss === 'ipo' && rated.beta < IPO_BETA_MIN,
      'training.preference.beta',
      `at least ${IPO_BETA_MIN} where the loss is ipo`,
      rated.beta,
    ],
    ...fields.map(
      ([field, loss]): Contradiction => [
        rated[field] !== undefined && rated.loss !== loss,
        `training.preference.${field}`,
        `absent where the loss is not ${loss}`,
        rated[field],
      ],
    ),
  ]
}
