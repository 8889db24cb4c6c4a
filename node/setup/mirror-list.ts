/** The key `base_mirrors` of run.yaml. */
import { z } from 'zod'
import { MIRRORS_MAX } from '../../protocol/index.ts'
import { mirrorFault } from '../network/mirrors.ts'

const mirror = z.string().refine((address) => mirrorFault(address) === null, {
  error: ({ input }) => `must be ${mirrorFault(String(input))}`,
})

/** Volunteers draw whom they ask first: who is named twice would be drawn more often. */
const isEachOnce = (mirrors: readonly string[]): boolean =>
  new Set(mirrors.map((one) => (URL.canParse(one) ? new URL(one).href : one))).size ===
  mirrors.length

export const mirrorList = z
  .array(mirror, 'must be a list of addresses')
  .min(1)
  .max(MIRRORS_MAX)
  .refine(isEachOnce, 'must name each address once')
  .optional()
  .describe(
    'Https addresses that have the base too, for volunteers: its file, ending in `.safetensors` ' +
      'or `.gguf`, or a folder that has it under its digest. They may change (docs/hosting.md).',
  )
