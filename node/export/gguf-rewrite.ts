/**
 * A base that is a GGUF already, with merged matrices in place of those that the adapter changes.
 * All else (metadata, tokenizer, the other tensors) goes on as it is, byte by byte, but for the
 * chat template where the run has another.
 *
 * A merged matrix goes back into 4 or 6 bits where it is asked to, and only then: the difference
 * that training made is smaller than their steps.
 */
import type { ModelShape } from '../../kernels/index.ts'
import { readWeights } from '../model/base-weights.ts'
import type { FileBytes } from '../model/file-bytes.ts'
import { type GgufEntry, parseGguf } from '../model/gguf.ts'
import type { GgufValue, TensorType } from '../model/gguf-format.ts'
import { ggufNames } from '../model/gguf-names.ts'
import type { GgufFile, GgufTensor } from '../model/gguf-write.ts'
import type { Rounding } from './encode-weights.ts'
import { createTensorOf, ropeTensor } from './gguf-model.ts'
import { mergedNames, mergedWeights } from './merge.ts'
import type { Takeaway } from './takeaway.ts'

/** A tensor is copied in pieces of this size. */
const PIECE_BYTES = 8 * 1024 * 1024

type Adapted = Pick<Takeaway, 'model' | 'adapter' | 'values'>

/**
 * @param type of the merged matrices; `base`: each as it was
 * @param entries of metadata, which go before those of the base
 * @param rounding what is lost where merged matrices become blocks is added to it
 */
export function rewrittenGguf(
  base: FileBytes,
  adapted: Adapted,
  type: TensorType | 'base',
  entries: Iterable<readonly [key: string, value: GgufValue]> = [],
  rounding?: Rounding,
): GgufFile {
  const { metadata, tensors } = parseGguf(base)
  const { model } = adapted
  const weights = mergedWeights(readWeights(model, base), adapted)
  const tensorOf = createTensorOf(model, weights, rounding)
  const names = ggufNames(model)
  const merged = new Map(mergedNames(adapted).map((name) => [names.get(name)!, name]))
  const written = [...tensors].map(([name, entry]) => {
    const own = merged.get(name)
    if (own === undefined) return copied(name, entry, base)
    return tensorOf(own, entry.shape, type === 'base' ? entry.type : type)
  })
  return {
    metadata: new Map([...metadata, ...entries]),
    tensors: [...missingFrom(tensors, model), ...written],
  }
}

/**
 * A base of weights alone as the whole model that programs open: its tensors byte by byte.
 * @param entries of metadata, in place of those of the base
 */
export function completedGguf(
  base: FileBytes,
  model: ModelShape,
  entries: Iterable<readonly [key: string, value: GgufValue]>,
): GgufFile {
  const { metadata, tensors } = parseGguf(base)
  const written = [...tensors].map(([name, entry]) => copied(name, entry, base))
  return {
    metadata: new Map([...metadata, ...entries]),
    tensors: [...missingFrom(tensors, model), ...written],
  }
}

/** A base that the run made blocks of has its divisors of RoPE in config.json alone. */
const missingFrom = (tensors: ReadonlyMap<string, GgufEntry>, model: ModelShape): GgufTensor[] =>
  ropeTensor(model).filter(({ name }) => !tensors.has(name))

function copied(
  name: string,
  { type, shape, begin, end }: GgufEntry,
  { read }: FileBytes,
): GgufTensor {
  function* pieces(): Generator<Uint8Array> {
    for (let at = begin; at < end; at += PIECE_BYTES)
      yield read(at, Math.min(end, at + PIECE_BYTES))
  }
  return { name, shape, type, pieces }
}
