/** The keys of run.yaml that say what the adapter is; see run-keys.ts. */
import { z } from 'zod'
import { runConfigSchema } from '../../protocol/index.ts'
import { PATTERNS_MAX, patternFault } from '../model/peft-patterns.ts'
import type { Misfit } from './preference-keys.ts'
import { within } from './within.ts'

const { adapter, training } = runConfigSchema.fields

/** axolotl's names of the layers, and what RunConfig calls them. */
const LAYERS = {
  q_proj: 'q',
  k_proj: 'k',
  v_proj: 'v',
  o_proj: 'o',
  gate_proj: 'gate',
  up_proj: 'up',
  down_proj: 'down',
} as const
export type LayerName = keyof typeof LAYERS
export const LAYER_NAMES = Object.keys(LAYERS) as LayerName[]
export const targetOf = (name: LayerName) => LAYERS[name]

export const adapterKeys = {
  adapter: z.literal('lora').default('lora').describe('Only LoRA adapters can be pooled.'),
  lora_r: within(adapter.fields.adapterRank)
    .default(8)
    .describe('Rank of the adapter: a higher one learns more, and is more to send.'),
  lora_alpha: within(adapter.fields.alpha)
    .default(16)
    .describe('The adapter is scaled by `lora_alpha / lora_r`.'),
  lora_dropout: z
    .union([z.literal(0), within(training.fields.dropout.inner)])
    .default(0)
    .describe('Share of what each matrix A reads that is dropped in training, in steps of 2^-16.'),
  lora_target_modules: z
    .array(z.enum(LAYER_NAMES))
    .min(1)
    .default(LAYER_NAMES)
    .describe('The linear layers that get an adapter.'),
  lora_target_linear: z
    .boolean()
    .default(false)
    .describe('All linear layers get an adapter, whatever `lora_target_modules` says.'),
  peft_layers_to_transform: z
    .array(within(adapter.fields.layers.inner.item))
    .min(1)
    .optional()
    .describe('The layers that get an adapter, counted from 0; left out: all of them.'),
  peft_use_rslora: z
    .boolean()
    .default(false)
    .describe('The adapter is scaled by `lora_alpha / √lora_r`, which suits high ranks.'),
  peft_use_dora: z
    .boolean()
    .default(false)
    .describe(
      'DoRA: the magnitude of each row of the adapted matrices is learned by itself, beside its ' +
        'direction. It does not go with `lora_dropout`.',
    ),
  peft_rank_pattern: patterns(within(adapter.fields.adapterRank)).describe(
    "Other ranks for some linear layers, by the end of their names: `{q_proj: 16}`, or PEFT's " +
      '`rank_pattern`. The first that matches counts.',
  ),
  peft_alpha_pattern: patterns(within(adapter.fields.alpha)).describe(
    "Other alphas, in the same way: PEFT's `alpha_pattern`.",
  ),
  adapter_from: z
    .string()
    .min(1)
    .optional()
    .describe(
      'What the adapter starts from, in place of nothing: the folder of a run on the same base, ' +
        'or of a PEFT adapter.',
    ),
  adapter_round: within(training.fields.roundsMax.inner)
    .optional()
    .describe('Of a run, its adapter after so many rounds. Left out: its best.'),
}

/** Keys that do not go with others of the adapter. */
export function adapterFaults(yaml: { lora_dropout: number; peft_use_dora: boolean }): Misfit[] {
  const { lora_dropout: input, peft_use_dora: isDora } = yaml
  if (!isDora || input === 0) return []
  const message = `must be left out with 'peft_use_dora': ${DORA_DROPOUT}`
  return [{ path: ['lora_dropout'], message, input }]
}

/** Source: peft, tuners/lora/variants.py, DoraLinearVariant.forward. */
export const DORA_DROPOUT = 'PEFT then drops what the base reads, too, which is not computed here'

/** What PEFT's patterns of layer names map to. */
function patterns(value: z.ZodNumber) {
  return z
    .record(z.string(), value)
    .default({})
    .superRefine((given, context) => {
      const fault = (path: string[], message: string) =>
        context.addIssue({ code: 'custom', path, message })
      const keys = Object.keys(given)
      if (keys.length > PATTERNS_MAX) fault([], `must have at most ${PATTERNS_MAX} patterns`)
      for (const key of keys) {
        const rule = patternFault(key)
        if (rule !== null) fault([key], `the pattern must be ${rule}`)
      }
    })
}
