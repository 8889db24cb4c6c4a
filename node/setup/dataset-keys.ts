/** The keys of a dataset in run.yaml. */
import { z } from 'zod'
import { columns } from '../dataset/columns.ts'
import { KINDS } from '../dataset/kinds.ts'
import { SPLIT_KEY } from '../dataset/split-key.ts'
import { turnKeys } from '../dataset/turn-keys.ts'

/** Shards hold all of an epoch, and a volunteer's share of it is to be fetched. */
const WEIGHT_MAX = 100

/** Where rows are, whatever they are for. */
export const placeKeys = {
  path: z
    .string()
    .min(1)
    .describe('A file, a folder, a glob, npm:PACKAGE, or org/name of the Hub.'),
  name: z
    .string()
    .min(1)
    .optional()
    .describe('Which of the configs that its README.md names, where it names several.'),
}

export const datasetKeys = z.strictObject({
  ...placeKeys,
  split: z
    .string()
    .regex(SPLIT_KEY, "must be a split, or rows of one, as 'train', 'train[:10%]', 'train[10:20]'")
    .optional()
    .describe('Which split, and which rows of it: `train[:10%]`; left out: all of `train`.'),
  type: z
    .enum(KINDS)
    .optional()
    .describe('What a row is (docs/data.md); left out: what the first row is.'),
  ...columns,
  ...turnKeys,
  weight: z
    .number()
    .positive()
    .max(WEIGHT_MAX)
    .optional()
    .describe(
      'How often an epoch has what is trained on of it: 2 is twice, 0.5 half of it, drawn by ' +
        '`seed`; left out: once.',
    ),
  leave_aside: z
    .array(z.string().min(1))
    .optional()
    .describe('Fields of its rows that may be ignored, though they could change what is learned.'),
})
