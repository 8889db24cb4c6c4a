/** The numbers that RoPE's frequencies are divided by. */
import { expect, test } from 'vitest'
import { parseModelConfig } from '../../node/model/config.ts'

/** config.json of Llama-3.1-8B, but for what has nothing to do with positions. */
const LLAMA_31_8B = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 128_256,
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  rope_theta: 500_000,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
}

/** Frequencies 29 to 34, which are neither kept nor scaled in full. */
const BLENDED = [
  1.2074838712836617, 1.553414628504925, 2.0263132059050553, 2.6945296878947325, 3.684252527745717,
  5.257326588708464,
]

test('the divisors of Llama-3.1-8B are these to the last bit', () => {
  const { shape } = parseModelConfig(new TextEncoder().encode(JSON.stringify(LLAMA_31_8B)))
  const kept = new Array<number>(29).fill(1)
  const scaled = new Array<number>(29).fill(8)
  expect(shape.ropeDivisors).toEqual([...kept, ...BLENDED, ...scaled])
})
