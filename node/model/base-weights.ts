/**
 * The frozen weights of a base model, checked against its shape before a kernel sees them. Pure.
 */
import type { StorageKind } from '../../kernels/ops.ts'
import type { ModelShape } from '../../kernels/shape.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
import type { Dtype } from './dtypes.ts'
import { ModelError } from './errors.ts'
import { parseSafetensors, type SafetensorsHeader } from './safetensors.ts'

/**
 * The weights from the bytes of model.safetensors, as a volunteer gets them: the shape is in the
 * RunConfig.
 */
export function weightsFromBytes(shape: ModelShape, bytes: Uint8Array): WeightSource {
  const weights = parseSafetensors(bytes)
  checkWeights(shape, weights.header)
  return weights
}

/**
 * Tensors beyond those of the shape are ignored, as transformers does (a tied model may store its
 * head twice).
 * @throws ModelError `missing` or `malformed` unless every tensor is there in its shape.
 */
export function checkWeights(shape: ModelShape, header: SafetensorsHeader): void {
  for (const { name, shape: expected } of weightTensors(shape)) {
    const entry = header.tensors.get(name)
    if (entry === undefined) {
      throw new ModelError(
        'missing',
        `Cannot use the weights as they lack '${name}': are they of the model in config.json?`,
      )
    }
    if (entry.shape.join() !== expected.join()) {
      throw new ModelError(
        'malformed',
        `Cannot use the weights as the shape of '${name}' must be (${expected.join()}): ` +
          `current value is (${entry.shape.join()})`,
      )
    }
  }
}

const HALVES: Partial<Record<Dtype, StorageKind>> = { F16: 'float16', BF16: 'bfloat16' }

/** The smallest kind in which no number of a matrix of the checkpoint changes. */
export function storageOf(shape: ModelShape, header: SafetensorsHeader): StorageKind {
  const matrices = weightTensors(shape).filter(({ shape }) => shape.length > 1)
  const [first, ...others] = new Set(matrices.map(({ name }) => header.tensors.get(name)!.dtype))
  return (others.length === 0 && HALVES[first!]) || 'float32'
}
