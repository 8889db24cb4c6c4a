/** The keys of run.yaml by which adapters are scored while the run goes on. */
import { z } from 'zod'
import { ANSWER_TOKENS_MAX, runConfigSchema, SCORE_METRICS } from '../../protocol/index.ts'
import { REGEX_LENGTH_MAX } from '../dataset/scored-rows.ts'
import { SPLIT_KEY } from '../dataset/split-key.ts'
import { placeKeys } from './dataset-keys.ts'
import type { Misfit } from './preference-keys.ts'
import { within } from './within.ts'

const { everyRounds } = runConfigSchema.fields.scoring.inner.fields
const DELIMITER_LENGTH_MAX = 64

const place = {
  ...placeKeys,
  split: z
    .string()
    .regex(SPLIT_KEY, "must be a split, or rows of one, as 'test', 'test[:100]'")
    .optional()
    .describe('Which split, and which rows of it: `test[:100]`; left out: all of `train`.'),
  apply_chat_template: z
    .boolean()
    .default(false)
    .describe('The prompt is what a user says, in the words of the chat template.'),
}

export const choiceKeys = z.strictObject({
  ...place,
  target_delimiter: z
    .string()
    .max(DELIMITER_LENGTH_MAX)
    .default('')
    .describe('What stands between a prompt and a choice: a space, where the rows have none.'),
})

export const generateKeys = z.strictObject({
  ...place,
  max_new_tokens: z
    .number()
    .int()
    .min(1)
    .max(ANSWER_TOKENS_MAX)
    .default(64)
    .describe('Tokens that are written at most, the likeliest each time.'),
  regex: z
    .string()
    .min(1)
    .max(REGEX_LENGTH_MAX)
    .refine(isRegex, { error: 'must be a regular expression of JavaScript, on one line' })
    .optional()
    .describe(
      'What of the written text is the answer: the first group of the first match, or all of the ' +
        'match. Left out: all that is written.',
    ),
})

function isRegex(source: string): boolean {
  if (/\p{Cc}/u.test(source)) return false
  try {
    new RegExp(source)
    return true
  } catch {
    return false
  }
}

/** Those at the top of the file. */
export const scoringKeys = {
  eval_choices: choiceKeys
    .optional()
    .describe(
      'Questions that adapters are scored on: rows with `prompt` (or `question`), `choices`, and ' +
        '`answer`, the index of the right one, or its text.',
    ),
  eval_generate: generateKeys
    .optional()
    .describe(
      'Prompts that adapters are to answer: rows with `prompt` (or `question`) and `answer`, the ' +
        'text that is right.',
    ),
  eval_every: within(everyRounds)
    .default(1)
    .describe('Adapters are scored every so many rounds; the first and the last in any case.'),
  eval_spread: z
    .boolean()
    .default(false)
    .describe(
      'Volunteers score, too, between two leases. They see the questions and prompts, and no ' +
        'answer; left out: the host scores alone, and nobody else sees any.',
    ),
  metric_for_best_model: z
    .enum(['eval_loss', ...SCORE_METRICS])
    .default('eval_loss')
    .describe(
      'By what the best round is told, and `early_stopping_patience` counts: the held-out loss, ' +
        'or a score of `eval_choices` (`acc`, `acc_norm`) or of `eval_generate` (`exact_match`).',
    ),
}

interface Place {
  path: string
  name?: string | undefined
  split?: string | undefined
}

/** What it takes of a run.yaml to tell. */
interface Beside {
  datasets: readonly Place[]
  eval_choices?: Place | undefined
  eval_generate?: Place | undefined
  metric_for_best_model: string
}

const SOURCES = ['eval_choices', 'eval_generate'] as const
const SOURCE_OF: Readonly<Record<string, (typeof SOURCES)[number]>> = {
  acc: 'eval_choices',
  acc_norm: 'eval_choices',
  exact_match: 'eval_generate',
}

/** Keys that do not go together, with what is wrong of each. */
export function scoringFaults(yaml: Beside): Misfit[] {
  const { metric_for_best_model: metric, datasets } = yaml
  const faults = SOURCES.flatMap((key) => {
    const source = yaml[key]
    if (source === undefined || !datasets.some((dataset) => isSame(dataset, source))) return []
    const message = "must not be what is trained on: 'datasets' names the same rows"
    return [{ path: [key, 'path'], message, input: source.path }]
  })
  const needed = SOURCE_OF[metric]
  if (needed === undefined || yaml[needed] !== undefined) return faults
  const message = `needs '${needed}', whose score it is`
  return [...faults, { path: ['metric_for_best_model'], message, input: metric }]
}

const isSame = (one: Place, other: Place): boolean =>
  one.path === other.path &&
  one.name === other.name &&
  (one.split ?? 'train') === (other.split ?? 'train')
