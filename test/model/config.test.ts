import { describe, expect, test } from 'vitest'
import { parseModelConfig } from '../../node/model/config.ts'
import type { ModelErrorCode } from '../../node/model/errors.ts'
import { JSON_BYTES_MAX } from '../../node/model/json.ts'
import { bytesOfJson, expectModelError } from './fixtures.ts'

/** The least that a config can say. */
const PLAIN = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 97,
  hidden_size: 32,
  intermediate_size: 88,
  num_hidden_layers: 2,
  num_attention_heads: 4,
}

const PLAIN_SHAPE = {
  vocabSize: 97,
  hiddenSize: 32,
  intermediateSize: 88,
  layerCount: 2,
  headCount: 4,
  kvHeadCount: 4,
  headDim: 8,
  ropeTheta: 10_000,
  rmsNormEps: 1e-6,
  tiedHead: false,
  qkvBias: false,
  headNorm: false,
  ropeDivisors: null,
}

describe('a LLaMA is taken', () => {
  const check = (fields: object, expected: object) =>
    expect(parseModelConfig(bytesOfJson({ ...PLAIN, ...fields })).shape).toEqual({
      ...PLAIN_SHAPE,
      ...expected,
    })

  const rows: [string, object, object][] = [
    ['with the defaults of transformers', {}, {}],
    ['grouped-query', { num_key_value_heads: 2 }, { kvHeadCount: 2 }],
    ['with its own size of a head', { head_dim: 16 }, { headDim: 16 }],
    ['tied', { tie_word_embeddings: true }, { tiedHead: true }],
    ['theta of transformers 4', { rope_theta: 5e5 }, { ropeTheta: 5e5 }],
    [
      'theta of transformers 5',
      { rope_parameters: { rope_type: 'default', rope_theta: 1e5 } },
      { ropeTheta: 1e5 },
    ],
    [
      'theta in a scaling that does nothing else',
      { rope_scaling: { rope_type: 'default', rope_theta: 250_000 } },
      { ropeTheta: 250_000 },
    ],
    [
      'theta in the scaling before theta beside it',
      { rope_scaling: { rope_type: 'default', rope_theta: 250_000 }, rope_theta: 7000 },
      { ropeTheta: 250_000 },
    ],
    [
      'of two scalings the one by its older name',
      {
        rope_scaling: { type: 'linear', factor: 2 },
        rope_parameters: { rope_type: 'default', rope_theta: 1e5 },
      },
      { ropeDivisors: [2, 2, 2, 2] },
    ],
    [
      'an empty scaling, which is none',
      { rope_scaling: {}, rope_parameters: { rope_theta: 3e4 } },
      { ropeTheta: 3e4 },
    ],
    ['a factor that nothing asks for', { rope_scaling: { type: 'default', factor: 8 } }, {}],
    ['epsilon', { rms_norm_eps: 1e-5 }, { rmsNormEps: 1e-5 }],
    ['scaling said to be none', { rope_scaling: null }, {}],
    ['scaling of type default', { rope_scaling: { type: 'default' } }, {}],
    ['dtype of transformers 4', { torch_dtype: 'float16' }, {}],
    ['dtype of transformers 5', { dtype: 'bfloat16' }, {}],
    [
      'nulls for what is not set',
      { num_key_value_heads: null, head_dim: null, rope_parameters: null, sliding_window: null },
      {},
    ],
    ['fields that only pretraining reads', { attention_dropout: 0.1, initializer_range: 1 }, {}],
  ]
  for (const [what, fields, expected] of rows) test(what, () => check(fields, expected))

  test('context length', () => {
    const { contextLength } = parseModelConfig(
      bytesOfJson({ ...PLAIN, max_position_embeddings: 256 }),
    )
    expect(contextLength).toBe(256)
    expect(parseModelConfig(bytesOfJson(PLAIN)).contextLength).toBe(2048)
  })
})

describe('a kindred family is taken', () => {
  const check = (fields: object, expected: object, contextLength = 2048) => {
    const config = parseModelConfig(bytesOfJson({ ...PLAIN, ...fields }))
    expect(config).toEqual({ shape: { ...PLAIN_SHAPE, ...expected }, contextLength })
  }
  const heads = { num_key_value_heads: 2 }
  const family = (name: string) => ({ architectures: [`${name}ForCausalLM`], ...heads })

  test('Mistral', () => check(family('Mistral'), { kvHeadCount: 2 }))
  test('Mistral sees no farther than its window', () =>
    check({ ...family('Mistral'), sliding_window: 512 }, { kvHeadCount: 2 }, 512))
  test('Qwen2.5 has biases', () => check(family('Qwen2'), { kvHeadCount: 2, qkvBias: true }))
  test('Qwen2.5 has a window that is off', () =>
    check(
      { ...family('Qwen2'), sliding_window: 512, use_sliding_window: false },
      { kvHeadCount: 2, qkvBias: true },
    ))
  test('Qwen3 norms its heads, of 128 if not said', () =>
    check(family('Qwen3'), { kvHeadCount: 2, headNorm: true, headDim: 128 }))
  test('linear scaling of RoPE', () =>
    check({ rope_scaling: { type: 'linear', factor: 2 } }, { ropeDivisors: [2, 2, 2, 2] }))
  test('a scaling of Llama 3 keeps what is fast and slows what is slow', () => {
    const llama3 = {
      rope_type: 'llama3',
      rope_theta: 1e4,
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 128,
    }
    const { shape } = parseModelConfig(bytesOfJson({ ...PLAIN, rope_parameters: llama3 }))
    expect(shape.ropeDivisors).toEqual([1, expect.closeTo(2.339, 3), 8, 8])
  })
})

test('a scaling of Llama 3 starts from all of the context where it does not say', () => {
  const scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 }
  const divisors = (fields: object) =>
    parseModelConfig(bytesOfJson({ ...PLAIN, max_position_embeddings: 128, ...fields })).shape
      .ropeDivisors
  const said = { ...scaling, original_max_position_embeddings: 128 }
  expect(divisors({ rope_scaling: scaling })).toEqual(divisors({ rope_scaling: said }))
})

describe('another model is refused by name', () => {
  const check = (fields: object, field: string, value: string) =>
    expectModelError(() => parseModelConfig(bytesOfJson({ ...PLAIN, ...fields })), 'unsupported', [
      `'${field}'`,
      `current value is ${value}`,
    ])

  const llama3 = { rope_type: 'llama3', rope_theta: 5e5, factor: 32 }
  const rows: [object, string, string][] = [
    [{ architectures: ['Gemma2ForCausalLM'] }, 'architectures', '["Gemma2ForCausalLM"]'],
    [{ architectures: ['toString'] }, 'architectures', '["toString"]'],
    [{ architectures: [] }, 'architectures', '[]'],
    [{ architectures: undefined }, 'architectures', 'null'],
    [{ hidden_act: 'gelu' }, 'hidden_act', '"gelu"'],
    [{ attention_bias: true }, 'attention_bias', 'true'],
    [{ mlp_bias: true }, 'mlp_bias', 'true'],
    [{ layer_types: ['linear_attention'] }, 'layer_types', '"linear_attention"'],
    [{ final_logit_softcapping: 30 }, 'final_logit_softcapping', '30'],
    [{ num_experts: 8 }, 'num_experts', '8'],
    [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor', '0.5'],
    [{ rope_scaling: { ...llama3, rope_type: 'yarn' } }, 'rope_scaling.rope_type', '"yarn"'],
    [{ rope_scaling: { type: 'dynamic', factor: 2 } }, 'rope_scaling.rope_type', '"dynamic"'],
    [{ rope_scaling: { type: 'linear' } }, 'rope_scaling.factor', 'null'],
    [{ rope_parameters: llama3 }, 'rope_parameters.low_freq_factor', 'null'],
    [{ rope_scaling: { rope_type: 'longrope' } }, 'rope_scaling.rope_type', '"longrope"'],
    [{ rope_scaling: { rope_type: 'proportional' } }, 'rope_scaling.rope_type', '"proportional"'],
    [{ rope_scaling: { type: 'mrope' } }, 'rope_scaling.rope_type', '"mrope"'],
    [
      { rope_scaling: { ...llama3, low_freq_factor: 4, high_freq_factor: 4 } },
      'rope_scaling.high_freq_factor',
      '4',
    ],
    [
      { rope_parameters: { full_attention: { rope_theta: 9000 } } },
      'rope_parameters.full_attention',
      '{"rope_theta":9000}',
    ],
    [
      { rope_scaling: llama3, original_max_position_embeddings: 50 },
      'original_max_position_embeddings',
      '50',
    ],
    [
      { rope_parameters: { partial_rotary_factor: 0.25 } },
      'rope_parameters.partial_rotary_factor',
      '0.25',
    ],
    [{ quantization_config: { bits: 4 } }, 'quantization_config', '{"bits":4}'],
    [{ num_key_value_heads: 3 }, 'num_key_value_heads', '3'],
    [{ num_attention_heads: 3 }, 'head_dim', '10.666666666666666'],
    [{ num_attention_heads: 16 }, 'head_dim', '2'],
  ]
  for (const [fields, field, value] of rows)
    test(`${field}: ${JSON.stringify(fields)}`, () => check(fields, field, value))

  test('by its architecture, even when it lacks what a LLaMA has', () =>
    expectModelError(
      () => parseModelConfig(bytesOfJson({ architectures: ['GPT2LMHeadModel'], n_embd: 768 })),
      'unsupported',
      ['GPT2LMHeadModel', 'LlamaForCausalLM'],
    ))
})

describe('a broken config is refused', () => {
  const check = (bytes: Uint8Array, word: string, code: ModelErrorCode = 'malformed') =>
    expectModelError(() => parseModelConfig(bytes), code, ['config.json', word])

  test('no JSON', () => check(new TextEncoder().encode('{"a":'), 'JSON'))
  test('no UTF-8', () => check(Uint8Array.of(0x22, 0xff, 0x22), 'not valid'))
  test('a list', () => check(bytesOfJson([]), 'must be keys with values'))
  test('a config that is too long', () => check(new Uint8Array(JSON_BYTES_MAX + 1), 'bytes'))
  const rows: [object, string][] = [
    [{ vocab_size: undefined }, 'vocab_size'],
    [{ vocab_size: 0 }, 'vocab_size'],
    [{ vocab_size: 2 ** 30 }, 'vocab_size'],
    [{ hidden_size: 30 }, 'hidden_size'],
    [{ intermediate_size: '88' }, 'intermediate_size'],
    [{ num_hidden_layers: 1e9 }, 'num_hidden_layers'],
    [{ num_attention_heads: 1.5 }, 'num_attention_heads'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps'],
    [{ rope_theta: -1 }, 'rope_theta'],
    [{ rope_scaling: 'linear' }, 'rope_scaling'],
    [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings'],
  ]
  for (const [fields, word] of rows)
    test(JSON.stringify(fields), () => check(bytesOfJson({ ...PLAIN, ...fields }), word))
})
