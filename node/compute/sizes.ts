/**
 * The sizes that a RunConfig implies, against those that a coordinator tells: what it says of a
 * blob is believed only as far as the run could need it, before a byte is fetched.
 */
import {
  type AdapterLayout,
  adapterLayout,
  encodedBytes,
  type ModelShape,
  momentBytes,
  weightTensors,
} from '../../kernels/index.ts'
import {
  type BlobReference,
  ConfigError,
  ProtocolError,
  type RoundStart,
  type RunConfig,
} from '../../protocol/index.ts'
import { sequenceBytes } from '../dataset/shards.ts'

/** The header of a file of weights; a GGUF file has its tokenizer there. */
const WEIGHT_HEADER_BYTES_MAX = 64 * 2 ** 20

/**
 * Base, first adapter and shards.
 * @throws ConfigError: the organiser's, as it is written into the RunConfig
 */
export function checkRunSizes({ base, adapter, dataset }: RunConfig): void {
  const weightBytesMax = weightFileBytesMax(base.shape)
  if (base.weights.bytes > weightBytesMax) {
    throw new ConfigError(
      `Cannot train on the base '${base.name}' as its weights must have at most ` +
        `${weightBytesMax} bytes, as its shape implies: current value is ${base.weights.bytes}. ` +
        'A file of weights with more in it, such as what sees or hears, is moved to nobody.',
    )
  }
  if (adapter.start !== undefined) {
    const { bytes } = adapter.start.checkpoint
    const expected = 4 * adapterLayout(base.shape, adapter).count
    if (bytes !== expected) {
      throw new ConfigError(
        `Cannot train for this run as 'adapter.start.checkpoint' must have ${expected} bytes: ` +
          `current value is ${bytes}`,
      )
    }
  }
  const { trainShards, trainSequences, sequencesPerShard } = dataset
  const format = { ...dataset, vocabSize: base.shape.vocabSize }
  for (const [index, { bytes }] of trainShards.entries()) {
    const left = trainSequences - index * sequencesPerShard
    const expected = Math.min(sequencesPerShard, left) * sequenceBytes(format)
    if (bytes === expected) continue
    throw new ConfigError(
      `Cannot train for this run as 'trainShards[${index}]' must have ${expected} bytes: ` +
        `current value is ${bytes}`,
    )
  }
}

/**
 * No tensor is larger than in float32; the head of a tied model may be there though it is not used.
 */
function weightFileBytesMax(shape: ModelShape): number {
  const values = weightTensors(shape).reduce(
    (sum, tensor) => sum + tensor.shape.reduce((product, length) => product * length, 1),
    shape.vocabSize * shape.hiddenSize,
  )
  return values * 4 + WEIGHT_HEADER_BYTES_MAX
}

/** @throws ProtocolError where it cannot be an adapter of the run */
export function checkAdapterSize({ bytes }: BlobReference, { count }: AdapterLayout): void {
  if (bytes === count * 4) return
  throw new ProtocolError(
    'malformed',
    `Cannot score the adapter as it must have ${count * 4} bytes: current value is ${bytes}`,
  )
}

/** What a round starts from. @throws ProtocolError `malformed` */
export function checkStartSizes(
  { checkpoint, update, moment }: RoundStart,
  layout: AdapterLayout,
  { downlink }: RunConfig['aggregation'],
): void {
  const expected: [string, BlobReference | null, number][] = [
    ['checkpoint', checkpoint, layout.count * 4],
    ['update', update, encodedBytes(downlink, layout.count)],
    ['moment', moment, momentBytes(layout)],
  ]
  for (const [name, blob, bytes] of expected) {
    if (blob === null || blob.bytes === bytes) continue
    throw new ProtocolError(
      'malformed',
      `Cannot start the round as '${name}' must have ${bytes} bytes: ` +
        `current value is ${blob.bytes}`,
    )
  }
}
