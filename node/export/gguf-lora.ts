/**
 * The adapter for llama.cpp: `--lora adapter.gguf` beside a GGUF of the base.
 *
 * Each A and B is a tensor named after the one it changes. B writes to the rows of q and k, so it
 * is permuted where they are; A reads the hidden state, which has one order.
 * Source: llama.cpp, src/llama-adapter.cpp.
 */
import {
  type AdapterShape,
  type AdapterTensor,
  adapterLayout,
  type ModelShape,
} from '../../kernels/index.ts'
import { bytesOf } from '../compute/floats.ts'
import type { GgufMetadata, GgufValue } from '../model/gguf-format.ts'
import {
  ggufArchitecture,
  ggufLinearName,
  permutedHeads,
  permuteRows,
} from '../model/gguf-names.ts'
import type { GgufFile, GgufTensor } from '../model/gguf-write.ts'
import { type GgufOrigin, ggufOrigin } from './gguf-origin.ts'
import type { Takeaway } from './takeaway.ts'

type LoraSource = Pick<Takeaway, 'model' | 'adapter' | 'values'> & { run: GgufOrigin }

/** The file, all float32: an adapter is small, and rounding it would gain little. */
export function ggufLora({ model, adapter, values, run }: LoraSource): GgufFile {
  const { tensors } = adapterLayout(model, adapter)
  const metadata: GgufMetadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: ggufArchitecture(model) }],
    ['general.type', { type: 'string', value: 'adapter' }],
    ...ggufOrigin(run),
    ['adapter.type', { type: 'string', value: 'lora' }],
    ['adapter.lora.alpha', { type: 'f32', value: alphaOf(adapter) }],
  ])
  const factors = factorsOf(tensors, alphaOf(adapter))
  return {
    metadata,
    tensors: tensors.map((tensor, i) => ggufTensor(model, tensor, values, factors[i]!)),
  }
}

/** The file has one alpha, which llama.cpp divides by the rank that it reads of each tensor. */
function alphaOf({ alpha, adapterRank, scaling }: AdapterShape): number {
  return scaling === 'rslora' ? alpha * Math.sqrt(adapterRank) : alpha
}

/** What B is multiplied by where another alpha would be needed; powers of two are exact. */
function factorsOf(tensors: readonly AdapterTensor[], alpha: number): number[] {
  return tensors.map(({ part, columns: rank, scale }) => {
    const factor = (scale * rank) / alpha
    // A scale is a quotient that was rounded: its rank does not always give alpha back.
    return part === 'A' || Math.abs(factor - 1) < 1e-12 ? 1 : factor
  })
}

function ggufTensor(
  model: ModelShape,
  tensor: AdapterTensor,
  values: Float32Array,
  factor: number,
): GgufTensor {
  const { layer, target, part, rows, columns, offset } = tensor
  const stored = values.subarray(offset, offset + rows * columns)
  const own = factor === 1 ? stored : stored.map((value) => value * factor)
  const heads = part === 'B' ? permutedHeads(model, target) : null
  return {
    name: `${ggufLinearName(layer, target)}.lora_${part.toLowerCase()}`,
    shape: [rows, columns],
    type: 'F32',
    pieces: () => [bytesOf(heads === null ? own : permuteRows(own, heads, columns))],
  }
}
