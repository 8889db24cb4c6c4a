/** The general text as sequences of a run, to be evaluated as the held-out ones are. */
import type { RunConfig } from '../../protocol/index.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import { GENERAL_TEXT } from './general-text.ts'
import { pack, piecesOf } from './pack.ts'
import { decodeShard, encodeShard, type Sequences, tokenBytesFor } from './shards.ts'

/** Where a run holds little out, it watches so much at least. */
const SEQUENCES_MIN = 4

/**
 * Cuts no more sequences than the run holds out: watching costs no more than the held-out text
 * does. Each passage sees itself alone, and each of its tokens but the first is a target.
 */
export function generalSequences(
  tokenizer: Pick<TextTokenizer, 'encodeWhole' | 'eosId'>,
  { base, dataset }: Pick<RunConfig, 'base' | 'dataset'>,
): Sequences {
  const { sequenceLength, validationSequences, layout } = dataset
  // Of answers a sequence holds two, of the length that the base is to see.
  const textLength = layout === 'answers' ? Math.max(2, sequenceLength / 2) : sequenceLength
  const pieces = GENERAL_TEXT.flatMap((text) => {
    const ids = tokenizer.encodeWhole(text)
    const learned = new Uint8Array(ids.length).fill(1)
    const example = { name: 'general text', type: 'text', ids, learned, isWhole: false } as const
    return piecesOf(example, textLength, 'truncate')
  })
  const { vocabSize } = base.shape
  const tokenBytes = tokenBytesFor(vocabSize)
  const format = { sequenceLength, vocabSize, tokenBytes, layout: 'documents' } as const
  const shard = decodeShard(
    encodeShard(pack(pieces, sequenceLength, tokenizer.eosId), format),
    format,
  )
  const count = Math.min(shard.sequenceCount, Math.max(SEQUENCES_MIN, validationSequences))
  return shard.sequences(0, count)
}
