/** Bounds of run.yaml's numbers: those of RunConfig. */
import { z } from 'zod'
import type { Range } from '../../protocol/index.ts'

/** A number within the bounds that RunConfig sets. */
export function within({ min, max, isWhole, rule }: Range): z.ZodNumber {
  const error = `must be ${rule}`
  const number = isWhole ? z.number({ error }).int({ error }) : z.number({ error })
  return number.min(min, { error }).max(max, { error })
}
