/** A model of a few hundred scalars, whose files are small enough to be changed often. */
import type { ModelShape } from '../../kernels/index.ts'
import { TINY_SHAPE as TWO_LAYERS } from '../model/fixtures.ts'

export const TINY_SHAPE: ModelShape = { ...TWO_LAYERS, layerCount: 1 }

export const TINY_CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 12,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-6,
  rope_theta: 500_000,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 32,
  },
  tie_word_embeddings: true,
  hidden_act: 'silu',
}
