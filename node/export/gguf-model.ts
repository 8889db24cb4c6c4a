/**
 * The merged model as one GGUF, made of a base in Hugging Face layout: hyperparameters, tokenizer
 * and weights under llama.cpp's names.
 * Source: llama.cpp, gguf-py/gguf/constants.py and the conversion of each architecture.
 */
import {
  linearName,
  type ModelShape,
  type WeightSource,
  weightTensors,
} from '../../kernels/index.ts'
import { ModelError } from '../model/errors.ts'
import {
  type GgufMetadata,
  type GgufValue,
  type TensorType,
  tensorBytes,
} from '../model/gguf-format.ts'
import {
  type GgufArchitecture,
  ggufArchitecture,
  ggufNames,
  permutedHeads,
  permuteRows,
} from '../model/gguf-names.ts'
import { quantise } from '../model/gguf-numbers.ts'
import type { GgufFile, GgufTensor } from '../model/gguf-write.ts'
import { encodeWeights, newRounding, type Rounding } from './encode-weights.ts'
import { type GgufOrigin, ggufOrigin } from './gguf-origin.ts'
import { tensorPieces } from './merge.ts'

export interface GgufHeading {
  run: GgufOrigin
  model: ModelShape
  contextLength: number
  tokenizer: readonly [key: string, value: GgufValue][]
  /** The type of matrices; vectors are float32. */
  type: TensorType
}

export interface GgufModel extends GgufHeading {
  weights: WeightSource
  /** What is lost where matrices become blocks is added to it. */
  rounding?: Rounding
}

/** What llama.cpp calls a file by the type of its matrices. Source: llama.h, `llama_ftype`. */
const FILE_TYPES: Readonly<Record<TensorType, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q4_K: 15,
  Q5_K: 17,
  Q6_K: 18,
  BF16: 32,
}
/** The version of the layout of quantised blocks. */
const QUANTIZATION_VERSION = 2

export function ggufModel(source: GgufModel): GgufFile {
  return { metadata: ggufMetadata(source), tensors: tensorsOf(source) }
}

/** All that the file says but for its tensors. */
export function ggufMetadata(heading: GgufHeading): GgufMetadata {
  const { run, model, contextLength, tokenizer, type } = heading
  const architecture = ggufArchitecture(model)
  const u32 = (value: number): GgufValue => ({ type: 'u32', value })
  const f32 = (value: number): GgufValue => ({ type: 'f32', value })
  const text = (value: string): GgufValue => ({ type: 'string', value })
  return new Map<string, GgufValue>([
    ['general.architecture', text(architecture)],
    ['general.type', text('model')],
    ...ggufOrigin(run),
    ['general.file_type', u32(FILE_TYPES[type])],
    ['general.quantization_version', u32(QUANTIZATION_VERSION)],
    [`${architecture}.block_count`, u32(model.layerCount)],
    [`${architecture}.context_length`, u32(contextLength)],
    [`${architecture}.embedding_length`, u32(model.hiddenSize)],
    [`${architecture}.feed_forward_length`, u32(model.intermediateSize)],
    [`${architecture}.attention.head_count`, u32(model.headCount)],
    [`${architecture}.attention.head_count_kv`, u32(model.kvHeadCount)],
    [`${architecture}.attention.key_length`, u32(model.headDim)],
    [`${architecture}.attention.value_length`, u32(model.headDim)],
    [`${architecture}.attention.layer_norm_rms_epsilon`, f32(model.rmsNormEps)],
    [`${architecture}.rope.dimension_count`, u32(model.headDim)],
    [`${architecture}.rope.freq_base`, f32(model.ropeTheta)],
    ...linearScaling(architecture, model),
    [`${architecture}.vocab_size`, u32(model.vocabSize)],
    ...tokenizer,
  ])
}

/** A factor for all frequencies has a key; one for each is a tensor, which only `llama` reads. */
function linearScaling(
  architecture: GgufArchitecture,
  { ropeDivisors }: ModelShape,
): [string, GgufValue][] {
  if (ropeDivisors === null || !isUniform(ropeDivisors)) return []
  return [
    [`${architecture}.rope.scaling.type`, { type: 'string', value: 'linear' }],
    [`${architecture}.rope.scaling.factor`, { type: 'f32', value: ropeDivisors[0]! }],
  ]
}

const isUniform = (divisors: readonly number[]) => divisors.every((by) => by === divisors[0])

function tensorsOf({ model, weights, type, rounding }: GgufModel): GgufTensor[] {
  const tensorOf = createTensorOf(model, weights, rounding)
  const tensors = weightTensors(model).map(({ name, shape }) => tensorOf(name, shape, type))
  return [...ropeTensor(model), ...tensors]
}

/**
 * Makes tensors for a file, by the hub's names: matrices of their type, rows in llama.cpp's order.
 * Rows change places within a head, so a piece has whole heads.
 * @param rounding what is lost where they become blocks is added to it
 */
export function createTensorOf(
  model: ModelShape,
  weights: WeightSource,
  rounding: Rounding = newRounding(),
) {
  const names = ggufNames(model)
  const permuted = permutedNames(model)
  return (name: string, shape: readonly number[], type: TensorType): GgufTensor => {
    const own = writtenType(type, shape)
    const heads = permuted.get(name)
    const unit = heads === undefined ? 1 : shape[0]! / heads
    const columns = shape[1] ?? 1
    function* pieces(): Generator<Uint8Array> {
      for (const values of tensorPieces(weights, name, shape, unit)) {
        const count = values.length / columns / unit
        const ordered = heads === undefined ? values : permuteRows(values, count, columns)
        yield encodeWeights(own, ordered, name, rounding)
      }
    }
    return { name: names.get(name)!, shape, type: own, pieces }
  }
}

/** One tensor, where each frequency of RoPE has a divisor of its own, or none. */
export function ropeTensor({ ropeDivisors, ...model }: ModelShape): GgufTensor[] {
  if (ropeDivisors === null || isUniform(ropeDivisors)) return []
  const architecture = ggufArchitecture({ ropeDivisors, ...model })
  if (architecture !== 'llama') {
    throw new ModelError(
      'unsupported',
      `Cannot write the model as GGUF as llama.cpp's '${architecture}' has one scaling for all ` +
        'frequencies of RoPE, and this base has several',
    )
  }
  const values = Float32Array.from(ropeDivisors)
  const pieces = () => [quantise('F32', values)]
  return [{ name: 'rope_freqs.weight', shape: [values.length], type: 'F32', pieces }]
}

/** Vectors are small and stay float32; rows that fill no blocks of `type` become float16. */
function writtenType(type: TensorType, shape: readonly number[]): TensorType {
  if (shape.length === 1) return 'F32'
  return tensorBytes(type, shape) === null ? 'F16' : type
}

/** Heads by the name of the tensor whose rows change places. */
function permutedNames(model: ModelShape): ReadonlyMap<string, number> {
  const names = new Map<string, number>()
  for (const target of ['q', 'k'] as const) {
    const heads = permutedHeads(model, target)
    if (heads === null) continue
    for (let layer = 0; layer < model.layerCount; layer++) {
      names.set(linearName(layer, target), heads)
    }
  }
  return names
}
