/** The sequences of a lease: which shards hold them, and their rows in the order of training. */
import type { BlobReference, RunConfig } from '../../protocol/index.ts'
import { decodeShard, type Sequences, type Shard } from './shards.ts'

/**
 * Batches firstBatch .. firstBatch + steps - 1 of a run. Batch b is the sequences from
 * b·batchSequences on; after the last sequence the first one follows again.
 *
 * @param fetchShard gives the bytes of a shard; called once for each shard that is needed
 * @throws ProtocolError when a shard is not what the RunConfig says
 */
export async function readBatches(
  config: RunConfig,
  firstBatch: number,
  steps: number,
  fetchShard: (shard: BlobReference) => Promise<Uint8Array>,
): Promise<Sequences> {
  const { dataset, training, base } = config
  const { sequenceLength, sequencesPerShard, trainSequences, trainShards } = dataset
  const count = steps * training.batchSequences
  const tokens = new Int32Array(count * sequenceLength)
  const targets = new Int32Array(count * sequenceLength)
  const starts: number[] = []
  const rejected: number[] = []
  const opened = new Map<number, Shard>()
  for (let row = 0; row < count; row++) {
    const sequence = (firstBatch * training.batchSequences + row) % trainSequences
    const index = Math.floor(sequence / sequencesPerShard)
    let shard = opened.get(index)
    if (shard === undefined) {
      const format = { ...dataset, vocabSize: base.shape.vocabSize }
      shard = decodeShard(await fetchShard(trainShards[index]!), format)
      opened.set(index, shard)
    }
    const one = shard.sequences(sequence % sequencesPerShard, 1)
    tokens.set(one.tokens, row * sequenceLength)
    targets.set(one.targets, row * sequenceLength)
    for (const start of one.starts) starts.push(row * sequenceLength + start)
    for (const start of one.rejected ?? []) rejected.push(row * sequenceLength + start)
  }
  const of = { tokens, targets, starts: Int32Array.from(starts) }
  return dataset.layout === 'answers' ? { ...of, rejected: Int32Array.from(rejected) } : of
}
