/**
 * The frozen weights of a base model, checked against its shape before a kernel sees them. Pure.
 */
import type { ModelShape } from '../../kernels/shape.ts'
import { type WeightSource, weightTensors } from '../../kernels/weights.ts'
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
