/** The key `base_mirrors` of run.yaml. */
import { z } from 'zod'
import { MIRRORS_MAX } from '../../protocol/index.ts'
import { mirrorFault } from '../network/mirrors.ts'

const mirror = z.string().refine((address) => mirrorFault(address) === null, {
  error: ({ input }) => `must be ${mirrorFault(String(input))}`,
})

export const mirrorList = z
  .array(mirror)
  .min(1)
  .max(MIRRORS_MAX)
  .optional()
  .describe(
    'Https addresses that have the base too, for volunteers: its file, ending in `.safetensors` ' +
      'or `.gguf`, or a folder that has it under its digest. They may change (docs/hosting.md).',
  )
