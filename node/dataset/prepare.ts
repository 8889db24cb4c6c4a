/**
 * From examples to shards: tokenise once, hold out a part, cut the rest into blobs named by their
 * digest. The result is a function of the examples, the tokenizer and the options: same text, same
 * digests.
 *
 * Where all examples are texts they make one stream, cut anywhere, in which every token counts.
 * Else each example stays whole and sees itself alone; see pack.ts.
 */
import { type Digest, digestOf } from '../../protocol/digest.ts'
import { ConfigError } from '../../protocol/errors.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import type { ChatTemplate } from '../model/chat-template.ts'
import type { Example } from './kinds.ts'
import { type LongExamples, pack, piecesOf } from './pack.ts'
import { encodeShard, type Layout, type SequenceToWrite, tokenBytesFor } from './shards.ts'
import { splitInBlocks } from './split.ts'
import { type TokenisedExample, type Tokeniser, tokeniseExample } from './tokenise.ts'

type DatasetConfig = RunConfig['dataset']

export interface DatasetOptions {
  name: string
  sequenceLength: number
  sequencesPerShard: number
  /** Share of the sequences, or of the examples, that is held out; at least one is. */
  validationSize: number
  seed: number
  layout: Layout
  /** Where examples stay whole: those that are longer than a sequence. */
  longExamples: LongExamples
  /** How conversations are written; null: there are none. */
  template: ChatTemplate | null
}

export interface PreparedDataset {
  config: DatasetConfig
  /** Every shard of `config` by its digest; the validation shard stays with the coordinator. */
  blobs: Map<Digest, Uint8Array>
  documents: number
  /** Ids of all that is kept, and of those the ones that are learned. */
  tokens: number
  learnedTokens: number
  dropped: {
    /** Examples with nothing but white space, or without anything to learn. */
    emptyDocuments: number
    /** Examples that are longer than a sequence. */
    longDocuments: number
    /** Ids after the last whole sequence of a stream. */
    tailTokens: number
  }
  /** Conversations that are learned as a whole, as their template looks ahead. */
  wholeConversations: number
}

export interface Tokenised {
  examples: TokenisedExample[]
  /** Left out, as nothing in them is learned. */
  empty: number
}

/** @throws ConfigError when there is too little to hold a part out and train on the rest. */
export async function prepareDataset(
  examples: AsyncIterable<Example> | Iterable<Example>,
  tokenizer: Tokeniser,
  options: DatasetOptions,
): Promise<PreparedDataset> {
  return cutDataset(await tokenise(examples, tokenizer, options), tokenizer, options)
}

/** @throws ConfigError that names the row which cannot be tokenised */
export async function tokenise(
  examples: AsyncIterable<Example> | Iterable<Example>,
  tokenizer: Tokeniser,
  { template }: Pick<DatasetOptions, 'template'>,
): Promise<Tokenised> {
  const all: TokenisedExample[] = []
  let empty = 0
  for await (const example of examples) {
    const one = tokeniseExample(example, tokenizer, template)
    if (one === null) empty += 1
    else all.push(one)
  }
  return { examples: all, empty }
}

/** The second half of `prepareDataset`: from tokens to shards. */
export function cutDataset(
  tokenised: Tokenised,
  tokenizer: Tokeniser,
  options: DatasetOptions,
): PreparedDataset {
  const split = options.layout === 'stream' ? splitStream : splitExamples
  return build(split(tokenised, tokenizer, options), tokenised, tokenizer, options)
}

interface Split {
  train: SequenceToWrite[]
  validation: SequenceToWrite[]
  tokens: number
  learnedTokens: number
  longDocuments: number
  tailTokens: number
}

/** eos, text, eos, text, ..., eos, in sequences that each begin with the last target before. */
function splitStream(
  { examples }: Tokenised,
  { eosId }: Tokeniser,
  options: DatasetOptions,
): Split {
  const { sequenceLength: S, validationSize, seed } = options
  const length = examples.reduce((sum, { ids }) => sum + ids.length, 1)
  const stream = new Int32Array(length).fill(eosId)
  let offset = 1
  for (const { ids } of examples) {
    stream.set(ids, offset)
    offset += ids.length
  }
  const sequences = Math.floor((length - 1) / S)
  const held = heldOut(sequences, validationSize, `sequences of ${S} tokens`, options)
  const { train, validation } = splitInBlocks(sequences, held, seed)
  const cut = (index: number): SequenceToWrite => ({
    ids: stream.subarray(index * S, (index + 1) * S + 1),
    ...{ counted: new Uint8Array(0), starts: new Uint8Array(0) },
  })
  return {
    ...{ train: train.map(cut), validation: validation.map(cut) },
    ...{ tokens: length, learnedTokens: length - 1, longDocuments: 0 },
    tailTokens: length - 1 - sequences * S,
  }
}

/** An example is in training or held out as a whole. */
function splitExamples(
  { examples }: Tokenised,
  { eosId }: Tokeniser,
  options: DatasetOptions,
): Split {
  const { sequenceLength: S, validationSize, seed, longExamples } = options
  const pieces = examples.map((example) => piecesOf(example, S, longExamples))
  const kept = pieces.filter((own) => own.length > 0)
  const held = heldOut(kept.length, validationSize, 'examples', options)
  const { train, validation } = splitInBlocks(kept.length, held, seed, 1)
  const packed = (indices: readonly number[]) =>
    pack(
      indices.flatMap((index) => kept[index]!),
      S,
      eosId,
    )
  const all = kept.flat()
  return {
    ...{ train: packed(train), validation: packed(validation) },
    tokens: all.reduce((sum, { ids }) => sum + ids.length, 0),
    learnedTokens: all.reduce((sum, { learned }) => sum + learned.filter(Boolean).length, 0),
    ...{ longDocuments: pieces.length - kept.length, tailTokens: 0 },
  }
}

function heldOut(count: number, share: number, what: string, { name }: DatasetOptions): number {
  const held = Math.max(1, Math.round(count * share))
  if (count > held) return held
  throw new ConfigError(
    `Cannot hold out ${held} ${what} of the dataset '${name}' as it has ${count}: ` +
      'give more text, or hold out less, or make sequences shorter',
  )
}

function build(
  { train, validation, longDocuments, tailTokens, ...counts }: Split,
  { examples, empty }: Tokenised,
  { vocabSize }: Tokeniser,
  { name, sequenceLength, sequencesPerShard, layout }: DatasetOptions,
): PreparedDataset {
  const tokenBytes = tokenBytesFor(vocabSize)
  const blobs = new Map<Digest, Uint8Array>()
  const put = (sequences: readonly SequenceToWrite[]) => {
    const bytes = encodeShard(sequences, { sequenceLength, tokenBytes, layout, vocabSize })
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { digest, bytes: bytes.length }
  }
  return {
    config: {
      ...{ name, sequenceLength, layout, tokenBytes, sequencesPerShard },
      trainSequences: train.length,
      trainShards: chunks(train, sequencesPerShard).map(put),
      validationSequences: validation.length,
      validationShard: put(validation),
    },
    ...{ blobs, documents: examples.length, ...counts },
    dropped: { emptyDocuments: empty, longDocuments, tailTokens },
    wholeConversations: examples.filter(({ isWhole }) => isWhole).length,
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size))
}
