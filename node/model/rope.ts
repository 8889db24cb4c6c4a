/**
 * RoPE scalings of config.json as what they come to: each frequency divided by a number. A run is
 * named for these numbers too, so they have the same bits on every engine.
 * Source: transformers, modeling_rope_utils.py (`linear`, `llama3`).
 */

import { z } from 'zod'
import { ropeFrequency } from '../../kernels/index.ts'
import { HEAD_SIZE_MAX } from '../../protocol/index.ts'

const positive = z.number().positive().max(1e9)

/** What transformers 4 calls `rope_scaling`, and 5, with the theta in it, `rope_parameters`. */
export const ropeSchema = z.looseObject({
  rope_type: z.string().optional(),
  /** The name of `rope_type` until transformers 4.45. */
  type: z.string().optional(),
  rope_theta: z.number().min(1).max(1e12).optional(),
  partial_rotary_factor: z.number().nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  original_max_position_embeddings: positive.nullish(),
  /** What the scaling comes to: models that came from GGUF say it. */
  divisors: z.array(positive).max(HEAD_SIZE_MAX).nullish(),
})
export type RopeJson = z.infer<typeof ropeSchema>

export const ROPE_TYPES = ['default', 'linear', 'llama3', 'divisors'] as const

export const ropeTypeOf = (json: RopeJson | null | undefined): string =>
  json?.rope_type ?? json?.type ?? 'default'

/** What a scaling is of: `context` tokens were seen before it. */
export interface RopeSizes {
  headDim: number
  theta: number
  context: number
}

type Wrong = (field: keyof RopeJson & string, expected: string) => never

/** One for each of the headDim / 2 frequencies; null: no scaling. */
export function ropeDivisors(
  json: RopeJson,
  { headDim, theta, context: whole }: RopeSizes,
  wrong: Wrong,
): number[] | null {
  const need = (field: 'factor' | 'low_freq_factor' | 'high_freq_factor') =>
    json[field] ?? wrong(field, 'a positive number')
  const count = headDim / 2
  switch (ropeTypeOf(json)) {
    case 'linear':
      return new Array<number>(count).fill(need('factor'))
    case 'llama3': {
      const factor = need('factor')
      const low = need('low_freq_factor')
      const high = need('high_freq_factor')
      if (high <= low) return wrong('high_freq_factor', `above 'low_freq_factor', ${low}`)
      const context = json.original_max_position_embeddings ?? whole
      return Array.from({ length: count }, (_, i) => {
        const turns = (context * ropeFrequency(theta, i, headDim)) / (2 * Math.PI)
        // Slow frequencies are scaled, fast ones kept, those between blended.
        const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)))
        return 1 / ((1 - kept) / factor + kept)
      })
    }
    case 'divisors':
      if (json.divisors?.length !== count) return wrong('divisors', `${count} numbers`)
      return [...json.divisors]
    default:
      return null
  }
}
