/**
 * The config.json that a model in GGUF would have on the hub, from its metadata, so that one reader
 * decides what we can compute. What llama.cpp knows and config.json cannot say is refused by name.
 * Source: llama.cpp, src/llama-model.cpp (`load_hparams`); gguf-py, constants.py (`Keys`).
 */
import { ModelError } from './errors.ts'
import type { GgufHeader } from './gguf.ts'
import type { GgufArchitecture } from './gguf-names.ts'

const CLASSES: Readonly<Record<GgufArchitecture, string>> = {
  llama: 'LlamaForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
}

/** Divisors of RoPE's frequencies, where a model has its own. */
export const ROPE_FACTORS = 'rope_freqs.weight'

/** Entries of an architecture that change the maths, and the value at which they don't. */
const NEUTRAL: readonly [key: string, neutral: number | string | boolean | undefined][] = [
  ['expert_count', 0],
  ['attention.causal', true],
  ['attention.scale', undefined],
  ['attention.clamp_kqv', 0],
  ['attention.max_alibi_bias', 0],
  ['attn_logit_softcapping', undefined],
  ['final_logit_softcapping', undefined],
  ['logit_scale', 1],
  ['embedding_scale', 1],
  ['residual_scale', 1],
  ['rope.scaling.attn_factor', 1],
  ['use_parallel_residual', false],
  ['tensor_data_layout', 'Meta AI original pth'],
]

/** @throws ModelError `missing` or `unsupported` that names the entry */
export function ggufConfig(header: GgufHeader, ropeDivisors: Float32Array | null): object {
  const architecture = architectureOf(header)
  const entries = entriesOf(header, architecture)
  for (const [key, neutral] of NEUTRAL) {
    const value = entries.find(key)
    if (value === undefined || value === neutral) continue
    throw unsupported(`${architecture}.${key}`, value, `${neutral ?? 'absent'}`)
  }
  const hiddenSize = entries.number('embedding_length')
  const heads = entries.number('attention.head_count')
  const headDim = entries.find('attention.key_length') ?? hiddenSize / heads
  for (const key of ['attention.value_length', 'rope.dimension_count']) {
    const value = entries.find(key) ?? headDim
    if (value !== headDim) throw unsupported(`${architecture}.${key}`, value, `${headDim}`)
  }
  return {
    architectures: [CLASSES[architecture]],
    // The hub calls these three as llama.cpp does.
    model_type: architecture,
    vocab_size: header.tensors.get('token_embd.weight')?.shape[0],
    hidden_size: hiddenSize,
    intermediate_size: entries.number('feed_forward_length'),
    num_hidden_layers: entries.number('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: entries.find('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    max_position_embeddings: entries.number('context_length'),
    rms_norm_eps: decimal(entries.number('attention.layer_norm_rms_epsilon')),
    rope_theta: decimal((entries.find('rope.freq_base') ?? 10_000) as number),
    rope_scaling: ropeScaling(entries, ropeDivisors),
    tie_word_embeddings: !header.tensors.has('output.weight'),
    hidden_act: 'silu',
    bos_token_id: tokenId(header, 'bos'),
    eos_token_id: endsOf(header),
    // llama.cpp applies a window wherever the file names one.
    sliding_window: entries.find('attention.sliding_window') ?? null,
    use_sliding_window: entries.find('attention.sliding_window') !== undefined,
  }
}

/** The end of a text and, where the file names them, of a turn and of a call, as in llama.cpp. */
function endsOf(header: GgufHeader): number | number[] | null {
  const ids = ['eos', 'eot', 'eom'].map((name) => tokenId(header, name))
  const known = new Set(ids.filter((id) => id !== null))
  return known.size > 1 ? [...known] : ids[0]!
}

function tokenId({ metadata }: GgufHeader, name: string): number | null {
  const value = metadata.get(`tokenizer.ggml.${name}_token_id`)
  return value?.type === 'u32' ? value.value : null
}

export function architectureOf({ metadata }: GgufHeader): GgufArchitecture {
  const value = metadata.get('general.architecture')
  if (value?.type === 'string' && Object.hasOwn(CLASSES, value.value)) {
    return value.value as GgufArchitecture
  }
  const found = value?.type === 'string' ? value.value : null
  throw unsupported('general.architecture', found, Object.keys(CLASSES).join(' or '))
}

type Entries = ReturnType<typeof entriesOf>

function entriesOf({ metadata }: GgufHeader, architecture: GgufArchitecture) {
  const find = (key: string): number | string | boolean | undefined => {
    const value = metadata.get(`${architecture}.${key}`)
    if (value === undefined) return undefined
    if (value.type === 'array') throw unsupported(`${architecture}.${key}`, 'a list', 'one number')
    return typeof value.value === 'bigint' ? Number(value.value) : value.value
  }
  return {
    find,
    number(key: string): number {
      const value = find(key)
      if (typeof value === 'number') return value
      throw new ModelError(
        'missing',
        `Cannot use this GGUF file as it lacks the number '${architecture}.${key}'`,
      )
    },
  }
}

/** Divisors of its own, or a factor for all; llama.cpp has more ways, which are refused. */
function ropeScaling(entries: Entries, divisors: Float32Array | null): object | null {
  const type = entries.find('rope.scaling.type') ?? 'none'
  const known = divisors === null ? ['none', 'linear'] : ['none']
  if (!known.includes(`${type}`)) throw unsupported('rope.scaling.type', type, known.join(' or '))
  if (divisors !== null) return { rope_type: 'divisors', divisors: [...divisors] }
  const older = (entries.find('rope.scale_linear') ?? 1) as number
  const factor = type === 'linear' ? entries.number('rope.scaling.factor') : older
  return factor === 1 ? null : { rope_type: 'linear', factor }
}

/** The shortest decimal of the same float32, as people write 1e-5. */
function decimal(value: number): number {
  const short = Number(value.toPrecision(7))
  return Math.fround(short) === value ? short : value
}

function unsupported(key: string, value: unknown, expected: string): ModelError {
  return new ModelError(
    'unsupported',
    `Cannot use this GGUF file as its '${key}' must be ${expected}: ` +
      `current value is ${JSON.stringify(value)}`,
  )
}
