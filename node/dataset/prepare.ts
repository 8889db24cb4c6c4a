/**
 * From documents to shards: tokenise once, hold out a part, cut the rest into blobs named by their
 * digest. The result is a function of the documents, the tokenizer and the options: same text, same
 * digests.
 */
import { type Digest, digestOf } from '../../protocol/digest.ts'
import { ConfigError } from '../../protocol/errors.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import { encodeShard, type ShardFormat, tokenBytesFor } from './shards.ts'
import type { Document } from './sources.ts'
import { splitSequences } from './split.ts'

type Tokeniser = Pick<TextTokenizer, 'encode' | 'eosId' | 'vocabSize'>
type DatasetConfig = RunConfig['dataset']

export interface DatasetOptions {
  name: string
  sequenceLength: number
  sequencesPerShard: number
  /** Share of the sequences that is held out; at least one is. */
  validationSize: number
  seed: number
}

export interface PreparedDataset {
  config: DatasetConfig
  /** Every shard of `config` by its digest; the validation shard stays with the coordinator. */
  blobs: Map<Digest, Uint8Array>
  documents: number
  /** Ids of the whole text, the ends of its documents included. */
  tokens: number
  dropped: {
    /** Documents with nothing but white space. */
    emptyDocuments: number
    /** Ids after the last whole sequence. */
    tailTokens: number
  }
}

interface TokenStream {
  /** eos, document, eos, document, ..., eos */
  ids: Int32Array
  documents: number
  emptyDocuments: number
}

/**
 * @throws ConfigError when the text is too short for the held-out split and one training sequence.
 */
export async function prepareDataset(
  documents: AsyncIterable<Document> | Iterable<Document>,
  tokenizer: Tokeniser,
  options: DatasetOptions,
): Promise<PreparedDataset> {
  const stream = await tokenise(documents, tokenizer)
  return buildDataset(stream, tokenizer.vocabSize, options)
}

async function tokenise(
  documents: AsyncIterable<Document> | Iterable<Document>,
  { encode, eosId }: Tokeniser,
): Promise<TokenStream> {
  const parts: Int32Array[] = []
  let length = 1
  let emptyDocuments = 0
  for await (const { text } of documents) {
    if (text.trim() === '') {
      emptyDocuments++
      continue
    }
    const part = encode(text)
    parts.push(part)
    length += part.length + 1
  }
  const ids = new Int32Array(length).fill(eosId)
  let offset = 1
  for (const part of parts) {
    ids.set(part, offset)
    offset += part.length + 1
  }
  return { ids, documents: parts.length, emptyDocuments }
}

function buildDataset(
  { ids, documents, emptyDocuments }: TokenStream,
  vocabSize: number,
  options: DatasetOptions,
): PreparedDataset {
  const { name, sequenceLength, sequencesPerShard, validationSize, seed } = options
  const format = { sequenceLength, tokenBytes: tokenBytesFor(vocabSize), vocabSize }
  const sequences = Math.floor((ids.length - 1) / sequenceLength)
  const validationSequences = Math.max(1, Math.round(sequences * validationSize))
  if (sequences <= validationSequences) {
    throw new ConfigError(
      `Cannot hold out ${validationSequences} sequences of the dataset '${name}' ` +
        `as it has ${sequences} of ${sequenceLength} tokens: ` +
        'give more text, or hold out less, or make sequences shorter',
    )
  }
  const { train, validation } = splitSequences(sequences, validationSequences, seed)
  const blobs = new Map<Digest, Uint8Array>()
  const put = (indices: number[]) => {
    const bytes = encodeShard(gather(ids, indices, format), format)
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { digest, bytes: bytes.length }
  }
  return {
    config: {
      name,
      sequenceLength,
      tokenBytes: format.tokenBytes,
      sequencesPerShard,
      trainSequences: train.length,
      trainShards: chunks(train, sequencesPerShard).map(put),
      validationSequences,
      validationShard: put(validation),
    },
    blobs,
    documents,
    tokens: ids.length,
    dropped: { emptyDocuments, tailTokens: ids.length - 1 - sequences * sequenceLength },
  }
}

/**
 * The ids of some sequences. Sequence i takes S + 1 ids from i · S: its last target begins the
 * next.
 */
function gather(ids: Int32Array, indices: number[], { sequenceLength }: ShardFormat): Int32Array {
  const stride = sequenceLength + 1
  const gathered = new Int32Array(indices.length * stride)
  indices.forEach((index, row) => {
    const start = index * sequenceLength
    gathered.set(ids.subarray(start, start + stride), row * stride)
  })
  return gathered
}

function chunks(items: number[], size: number): number[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size))
}
