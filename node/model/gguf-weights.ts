/**
 * The tensors of a GGUF file under the names of the hub, in the hub's order of rows, widened to
 * float32 one at a time. A tensor that no model of ours has is refused: it would change the maths.
 */
import {
  linearName,
  type ModelShape,
  type Target,
  type WeightSource,
  weightTensors,
} from '../../kernels/index.ts'
import { ModelError } from './errors.ts'
import type { FileBytes } from './file-bytes.ts'
import type { GgufHeader } from './gguf.ts'
import { ROPE_FACTORS } from './gguf-config.ts'
import { dequantise } from './gguf-dequantise.ts'
import type { TensorType } from './gguf-format.ts'
import { ggufNames, permutedHeads, unpermuteRows } from './gguf-names.ts'

export interface GgufTensors {
  /** The tensors, by the Hub's names. */
  tensors: ReadonlyMap<string, { shape: readonly number[]; dtype: TensorType }>
  source: WeightSource
}

/** @throws ModelError `unsupported` that names the tensor we would leave out */
export function ggufTensors(header: GgufHeader, file: FileBytes, model: ModelShape): GgufTensors {
  const names = ggufNames(model)
  const known = new Set([...names.values(), ROPE_FACTORS])
  const strange = [...header.tensors.keys()].find((name) => !known.has(name))
  if (strange !== undefined) {
    throw new ModelError(
      'unsupported',
      `Cannot use this GGUF file as it has a tensor '${strange}', which this architecture lacks`,
    )
  }
  const heads = headsByName(model)
  const tensors = new Map<string, { shape: readonly number[]; dtype: TensorType }>()
  for (const { name } of weightTensors(model)) {
    const entry = header.tensors.get(names.get(name)!)
    if (entry !== undefined) tensors.set(name, { shape: entry.shape, dtype: entry.type })
  }
  return {
    tensors,
    source: {
      tensor(name) {
        const { shape, values } = readGgufTensor(header, names.get(name) ?? name, file)
        const count = heads.get(name)
        if (count === undefined) return { shape, values }
        return { shape, values: unpermuteRows(values, count, shape.at(-1)!) }
      },
    },
  }
}

/** A tensor as it lies in the file. Throws ModelError `missing` where it does not. */
export function readGgufTensor(
  header: GgufHeader,
  name: string,
  { read }: FileBytes,
): { shape: readonly number[]; values: Float32Array } {
  const entry = header.tensors.get(name)
  if (entry === undefined) {
    throw new ModelError('missing', `Cannot read tensor '${name}': the file has no such tensor`)
  }
  const { type, shape, begin, end } = entry
  return { shape, values: dequantise(type, read(begin, end), `tensor '${name}'`) }
}

function headsByName(model: ModelShape): ReadonlyMap<string, number> {
  const heads = new Map<string, number>()
  for (let layer = 0; layer < model.layerCount; layer++) {
    for (const target of ['q', 'k'] satisfies Target[]) {
      const count = permutedHeads(model, target)
      if (count !== null) heads.set(linearName(layer, target), count)
    }
  }
  return heads
}
