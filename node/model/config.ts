/**
 * config.json of a Hugging Face model, in the spellings of transformers 4 and 5, as the kernels'
 * ModelShape.
 *
 * Only the plain LLaMA decoder is taken. A field that would change the maths is refused by name: to
 * ignore it would train another model than the one that was asked for. `dtype` is not read, as each
 * tensor says its own.
 * Source: transformers, models/llama/configuration_llama.py.
 */
import { z } from 'zod'
import type { ModelShape } from '../../kernels/shape.ts'
import { HIDDEN_SIZE_MAX, LAYERS_MAX, VOCABULARY_MAX } from '../../protocol/limits.ts'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'

export interface ModelConfig {
  shape: ModelShape
  /** Tokens in the longest sequence that the base was trained on. */
  contextLength: number
}

const ARCHITECTURE = 'LlamaForCausalLM'
/** What transformers takes for a field that is not there. */
const DEFAULTS = { ropeTheta: 10_000, rmsNormEps: 1e-6, contextLength: 2048 }

const size = (max: number) => z.number().int().min(1).max(max)
/** The kernels work on four scalars at a time. */
const width = size(HIDDEN_SIZE_MAX).multipleOf(4)

const ropeSchema = z.object({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().min(1).max(1e12).optional(),
  partial_rotary_factor: z.number().nullish(),
})

const configSchema = z.object({
  architectures: z.array(z.string()).nullish(),
  vocab_size: size(VOCABULARY_MAX),
  hidden_size: width,
  intermediate_size: width,
  num_hidden_layers: size(LAYERS_MAX),
  num_attention_heads: size(HIDDEN_SIZE_MAX),
  num_key_value_heads: size(HIDDEN_SIZE_MAX).nullish(),
  head_dim: width.nullish(),
  max_position_embeddings: size(2 ** 31 - 1).nullish(),
  rms_norm_eps: z.number().min(1e-12).max(1).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  /** transformers 4 */
  rope_theta: z.number().min(1).max(1e12).nullish(),
  /** transformers 4 */
  rope_scaling: ropeSchema.nullish(),
  /** transformers 5 */
  rope_parameters: ropeSchema.nullish(),
  hidden_act: z.string().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  sliding_window: z.number().nullish(),
  partial_rotary_factor: z.number().nullish(),
  quantization_config: z.unknown().optional(),
})
type ConfigJson = z.infer<typeof configSchema>

/**
 * @throws ModelError `malformed` for a broken file, `unsupported` for a model that we cannot
 *   compute.
 */
export function parseModelConfig(bytes: Uint8Array): ModelConfig {
  checkArchitecture(parseJson(bytes, 'config.json', configSchema.pick({ architectures: true })))
  const json = parseJson(bytes, 'config.json', configSchema)
  checkMaths(json)
  const shape = shapeOf(json)
  checkHeads(shape)
  return {
    shape,
    contextLength: json.max_position_embeddings ?? DEFAULTS.contextLength,
  }
}

function shapeOf(json: ConfigJson): ModelShape {
  const headCount = json.num_attention_heads
  return {
    vocabSize: json.vocab_size,
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layerCount: json.num_hidden_layers,
    headCount,
    kvHeadCount: json.num_key_value_heads ?? headCount,
    headDim: json.head_dim ?? json.hidden_size / headCount,
    ropeTheta: json.rope_parameters?.rope_theta ?? json.rope_theta ?? DEFAULTS.ropeTheta,
    rmsNormEps: json.rms_norm_eps ?? DEFAULTS.rmsNormEps,
    tiedHead: json.tie_word_embeddings ?? false,
  }
}

function checkArchitecture({ architectures }: Pick<ConfigJson, 'architectures'>): void {
  if (architectures?.length === 1 && architectures[0] === ARCHITECTURE) return
  throw unsupported('architectures', architectures ?? null, `["${ARCHITECTURE}"]`)
}

/** Every field that, at another value than this one, means a model other than ours. */
function checkMaths(json: ConfigJson): void {
  const { rope_scaling: scaling, rope_parameters: parameters } = json
  const fields: readonly [name: string, value: unknown, expected: unknown][] = [
    ['hidden_act', json.hidden_act ?? 'silu', 'silu'],
    ['attention_bias', json.attention_bias ?? false, false],
    ['mlp_bias', json.mlp_bias ?? false, false],
    ['sliding_window', json.sliding_window ?? null, null],
    ['partial_rotary_factor', json.partial_rotary_factor ?? 1, 1],
    ['rope_scaling', scaling?.rope_type ?? scaling?.type ?? 'default', 'default'],
    [
      'rope_parameters.rope_type',
      parameters?.rope_type ?? parameters?.type ?? 'default',
      'default',
    ],
    ['rope_parameters.partial_rotary_factor', parameters?.partial_rotary_factor ?? 1, 1],
    ['quantization_config', json.quantization_config ?? null, null],
  ]
  for (const [name, value, expected] of fields) {
    if (value !== expected) throw unsupported(name, value, JSON.stringify(expected))
  }
}

function checkHeads({ headCount, kvHeadCount, headDim }: ModelShape): void {
  if (headCount % kvHeadCount !== 0) {
    throw unsupported('num_key_value_heads', kvHeadCount, `a divisor of ${headCount} heads`)
  }
  if (!Number.isInteger(headDim) || headDim % 4 !== 0) {
    throw unsupported('head_dim', headDim, 'a multiple of 4')
  }
}

function unsupported(field: string, value: unknown, expected: string): ModelError {
  return new ModelError(
    'unsupported',
    `Cannot use this base model as '${field}' of its config.json must be ${expected}: ` +
      `current value is ${JSON.stringify(value)}`,
  )
}
