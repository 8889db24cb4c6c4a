/** The keys of a dataset in run.yaml. */
import { z } from 'zod'
import { columns } from '../dataset/columns.ts'
import { KINDS } from '../dataset/kinds.ts'
import { SPLIT_KEY } from '../dataset/split-key.ts'
import { turnKeys } from '../dataset/turn-keys.ts'

export const datasetKeys = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe('A file, a folder, a glob, npm:PACKAGE, or org/name of the Hub.'),
  name: z
    .string()
    .min(1)
    .optional()
    .describe('Which of the configs that its README.md names, where it names several.'),
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
  leave_aside: z
    .array(z.string().min(1))
    .optional()
    .describe('Fields of its rows that may be ignored, though they could change what is learned.'),
})
