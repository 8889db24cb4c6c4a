/**
 * RoPE scalings of config.json as what they come to: each frequency divided by a number.
 * Source: transformers, modeling_rope_utils.py (`linear`, `llama3`).
 */
import { z } from 'zod'
import { HEAD_SIZE_MAX } from '../../protocol/limits.ts'

const positive = z.number().positive().max(1e9)

/** What transformers 4 calls `rope_scaling`, and 5, with the theta in it, `rope_parameters`. */
export const ropeSchema = z.object({
  rope_type: z.string().optional(),
  /** Until transformers 4.45. */
  type: z.string().optional(),
  rope_theta: z.number().min(1).max(1e12).optional(),
  partial_rotary_factor: z.number().nullish(),
  factor: positive.nullish(),
  low_freq_factor: positive.nullish(),
  high_freq_factor: positive.nullish(),
  original_max_position_embeddings: positive.nullish(),
  /** Of a model that came from GGUF, which says what the scaling comes to. */
  divisors: z.array(positive).max(HEAD_SIZE_MAX).nullish(),
})
export type RopeJson = z.infer<typeof ropeSchema>

export const ROPE_TYPES = ['default', 'linear', 'llama3', 'divisors'] as const

export const ropeTypeOf = (json: RopeJson | null | undefined): string =>
  json?.rope_type ?? json?.type ?? 'default'

/**
 * One for each of the headDim / 2 frequencies; null: no scaling. `missing` says which field the
 * scaling lacks.
 */
export function ropeDivisors(
  json: RopeJson | null | undefined,
  headDim: number,
  theta: number,
  missing: (field: string) => never,
): number[] | null {
  const need = (field: 'factor' | 'low_freq_factor' | 'high_freq_factor') =>
    json?.[field] ?? missing(field)
  const count = headDim / 2
  switch (ropeTypeOf(json)) {
    case 'linear':
      return new Array<number>(count).fill(need('factor'))
    case 'llama3': {
      const [factor, low, high] = [
        need('factor'),
        need('low_freq_factor'),
        need('high_freq_factor'),
      ]
      const field = 'original_max_position_embeddings'
      const context = json?.[field] ?? missing(field)
      return Array.from({ length: count }, (_, i) => {
        const turns = context / (2 * Math.PI * theta ** (i / count))
        // Slow frequencies are scaled, fast ones kept, those between blended.
        const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)))
        return 1 / ((1 - kept) / factor + kept)
      })
    }
    case 'divisors':
      if (json?.divisors?.length !== count) return missing('divisors')
      return [...json.divisors]
    default:
      return null
  }
}
