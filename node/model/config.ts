/**
 * config.json of a Hugging Face model, in the spellings of transformers 4 and 5, as the kernels'
 * ModelShape.
 *
 * LLaMA's decoder is taken, and those that differ from it by a bias, a norm of the heads or the
 * scaling of RoPE. A field that would change the maths is refused by name: to ignore it would train
 * another model than the one that was asked for. `dtype` is not read, as each tensor says its own.
 * Source: transformers, models/{llama,mistral,qwen2,qwen3}/configuration_*.py.
 */

import { z } from 'zod'
import type { ModelShape } from '../../kernels/index.ts'
import { HEAD_SIZE_MAX, HIDDEN_SIZE_MAX, LAYERS_MAX, VOCABULARY_MAX } from '../../protocol/index.ts'
import { ModelError } from './errors.ts'
import { parseJson } from './json.ts'
import { ROPE_TYPES, type RopeJson, ropeDivisors, ropeSchema, ropeTypeOf } from './rope.ts'

const TITLE = 'config.json'

export interface ModelConfig {
  shape: ModelShape
  /** Tokens in the longest sequence that the base was trained on, or sees as a whole. */
  contextLength: number
}

interface Family {
  qkvBias: boolean
  headNorm: boolean
  /** Where the config says nothing; null: as many as there are query heads. */
  kvHeadCount: number | null
  /** Where the config says nothing; null: the hidden size over the heads. */
  headDim: number | null
  /** Whether `sliding_window` holds without `use_sliding_window`. */
  slides: boolean
}

const LLAMA: Family = {
  qkvBias: false,
  headNorm: false,
  slides: true,
  kvHeadCount: null,
  headDim: null,
}

/** The family of each name in `architectures`. */
const FAMILIES: Readonly<Record<string, Family>> = {
  LlamaForCausalLM: LLAMA,
  MistralForCausalLM: { ...LLAMA, kvHeadCount: 8 },
  Qwen2ForCausalLM: { ...LLAMA, qkvBias: true, kvHeadCount: 32, slides: false },
  Qwen3ForCausalLM: { ...LLAMA, headNorm: true, kvHeadCount: 32, headDim: 128, slides: false },
}

/** What transformers takes for a field that is not there. */
const DEFAULTS = { ropeTheta: 10_000, rmsNormEps: 1e-6, contextLength: 2048 }

/** Fields of kindred models that change the maths, and the values at which they don't. */
const NEUTRAL: readonly [field: string, neutral: readonly unknown[]][] = [
  ['hidden_act', ['silu']],
  ['attention_bias', [false]],
  ['mlp_bias', [false]],
  ['partial_rotary_factor', [1]],
  ['quantization_config', []],
  ['attn_logit_softcapping', []],
  ['final_logit_softcapping', []],
  ['clip_qkv', []],
  ['embedding_multiplier', [1]],
  ['residual_multiplier', [1]],
  ['attention_multiplier', []],
  ['logits_scaling', [1]],
  ['logit_scale', [1]],
  ['no_rope_layers', []],
  ['qk_norm', [false]],
  ['use_qk_norm', [false]],
  ['num_experts', [0]],
  ['num_local_experts', [0, 1]],
]

const size = (max: number) => z.number().int().min(1).max(max)
/** The kernels work on four scalars at a time. */
const width = size(HIDDEN_SIZE_MAX).multipleOf(4)

const configSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  vocab_size: size(VOCABULARY_MAX),
  hidden_size: width,
  intermediate_size: width,
  num_hidden_layers: size(LAYERS_MAX),
  num_attention_heads: size(HIDDEN_SIZE_MAX),
  num_key_value_heads: size(HIDDEN_SIZE_MAX).nullish(),
  head_dim: size(HEAD_SIZE_MAX).multipleOf(4).nullish(),
  max_position_embeddings: size(2 ** 31 - 1).nullish(),
  rms_norm_eps: z.number().min(1e-12).max(1).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  /** transformers 4 */
  rope_theta: z.number().min(1).max(1e12).nullish(),
  /** transformers 4 */
  rope_scaling: ropeSchema.nullish(),
  /** transformers 5 */
  rope_parameters: ropeSchema.nullish(),
  sliding_window: size(2 ** 31 - 1).nullish(),
  use_sliding_window: z.boolean().nullish(),
  layer_types: z.array(z.string()).nullish(),
})
type ConfigJson = z.infer<typeof configSchema>

/**
 * @throws ModelError `malformed` for a broken file, `unsupported` for a model that we cannot
 *   compute.
 */
export function parseModelConfig(bytes: Uint8Array): ModelConfig {
  const { architectures } = parseJson(bytes, TITLE, configSchema.pick({ architectures: true }))
  const family = familyOf(architectures)
  const json = parseJson(bytes, TITLE, configSchema)
  checkMaths(json)
  const shape = shapeOf(json, family)
  checkHeads(shape)
  const contextLength = json.max_position_embeddings ?? DEFAULTS.contextLength
  return { shape, contextLength: Math.min(contextLength, windowOf(json, family)) }
}

function shapeOf(json: ConfigJson, family: Family): ModelShape {
  const headCount = json.num_attention_heads
  const headDim = json.head_dim ?? family.headDim ?? json.hidden_size / headCount
  const [name, rope] = ropeOf(json)
  const ropeTheta = rope.rope_theta ?? json.rope_theta ?? DEFAULTS.ropeTheta
  // Of a model that says nothing else, all of its context is what its scaling starts from.
  const context = json.max_position_embeddings ?? DEFAULTS.contextLength
  return {
    vocabSize: json.vocab_size,
    hiddenSize: json.hidden_size,
    intermediateSize: json.intermediate_size,
    layerCount: json.num_hidden_layers,
    headCount,
    kvHeadCount: json.num_key_value_heads ?? family.kvHeadCount ?? headCount,
    headDim,
    ropeTheta,
    ropeDivisors: ropeDivisors(rope, { headDim, theta: ropeTheta, context }, (field, expected) => {
      throw unsupported(`${name}.${field}`, rope[field] ?? null, expected)
    }),
    rmsNormEps: json.rms_norm_eps ?? DEFAULTS.rmsNormEps,
    tiedHead: json.tie_word_embeddings ?? false,
    qkvBias: family.qkvBias,
    headNorm: family.headNorm,
  }
}

function familyOf(architectures: ConfigJson['architectures']): Family {
  const name = architectures?.length === 1 ? architectures[0]! : ''
  if (Object.hasOwn(FAMILIES, name)) return FAMILIES[name]!
  const known = Object.keys(FAMILIES).map((family) => `["${family}"]`)
  throw unsupported('architectures', architectures ?? null, known.join(' or '))
}

/** Where both are given, the older name counts, as in transformers 5. */
function ropeOf({ rope_scaling: older, rope_parameters: newer }: ConfigJson): [string, RopeJson] {
  const isOlder = older !== null && older !== undefined && Object.keys(older).length > 0
  return isOlder ? ['rope_scaling', older] : ['rope_parameters', newer ?? {}]
}

/** Every field that, at another value than this one, means a model other than ours. */
function checkMaths(json: ConfigJson): void {
  for (const [field, neutral] of NEUTRAL) {
    const value = json[field] ?? null
    if (value === null || neutral.includes(value)) continue
    throw unsupported(field, value, JSON.stringify(neutral[0] ?? null))
  }
  checkRope(json)
  const strange = json.layer_types?.find((type) => !/^(full|sliding)_attention$/.test(type))
  if (strange !== undefined) throw unsupported('layer_types', strange, 'full_attention')
}

function checkRope(json: ConfigJson): void {
  const [name, rope] = ropeOf(json)
  const type = ropeTypeOf(rope)
  if (!ROPE_TYPES.some((known) => known === type)) {
    throw unsupported(`${name}.rope_type`, type, ROPE_TYPES.join(' or '))
  }
  const share = rope.partial_rotary_factor ?? 1
  if (share !== 1) throw unsupported(`${name}.partial_rotary_factor`, share, '1')
  // Layers of two kinds have one each.
  const nested = Object.entries(rope).find(([key, value]) => key !== 'divisors' && isObject(value))
  if (nested !== undefined) throw unsupported(`${name}.${nested[0]}`, nested[1], 'absent')
  // It stands beside the scaling in models of Phi, and nobody says which of the two counts.
  const beside = json.original_max_position_embeddings ?? null
  if (type === 'llama3' && beside !== null) {
    throw unsupported('original_max_position_embeddings', beside, `in '${name}'`)
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null

/** No sequence may be longer than the window of any layer: then it hides nothing. */
function windowOf(json: ConfigJson, { slides }: Family): number {
  const holds = json.layer_types?.includes('sliding_attention') ?? json.use_sliding_window ?? slides
  return holds ? (json.sliding_window ?? Infinity) : Infinity
}

function checkHeads({ headCount, kvHeadCount, headDim }: ModelShape): void {
  if (headCount % kvHeadCount !== 0) {
    throw unsupported('num_key_value_heads', kvHeadCount, `a divisor of ${headCount} heads`)
  }
  if (headDim % 4 !== 0 || headDim > HEAD_SIZE_MAX) {
    throw unsupported('head_dim', headDim, `a multiple of 4 up to ${HEAD_SIZE_MAX}`)
  }
}

function unsupported(field: string, value: unknown, expected: string): ModelError {
  return new ModelError(
    'unsupported',
    `Cannot use this base model as '${field}' of its config.json must be ${expected}: ` +
      `current value is ${JSON.stringify(value)}`,
  )
}
