/**
 * Makes shards of examples: tokenise once, hold out a part, cut the rest into blobs named by their
 * digest. The result is a function of the examples, the tokenizer and the options: same text, same
 * digests.
 *
 * Where all examples are texts they make one stream, cut anywhere, in which every token counts.
 * Else each example stays whole and sees itself alone; see pack.ts.
 */
import {
  ConfigError,
  counted,
  type Digest,
  digestOf,
  type RunConfig,
} from '../../protocol/index.ts'
import { copiesIn, repeatsIn } from './copies.ts'
import { epochOf, isWeighted, type Shares } from './epoch.ts'
import { add, join, type LeftOut, newLeftOut } from './left-out.ts'
import { exampleLengthMax, type LongExamples, pack, piecesOf } from './pack.ts'
import { encodeShard, type Layout, type SequenceToWrite, tokenBytesFor } from './shards.ts'
import { splitInBlocks } from './split.ts'
import { areAlike, type TokenisedExample, type Tokeniser } from './tokenise.ts'
import { refuseBad, type Tokenised, type TokeniseOptions } from './tokenised.ts'

type DatasetConfig = RunConfig['dataset']

export interface DatasetOptions extends TokeniseOptions {
  name: string
  sequenceLength: number
  sequencesPerShard: number
  /** Share of the sequences, or of the examples, that is held out; at least one is. */
  validationSize: number
  seed: number
  layout: Layout
  /** What becomes of an example that is longer than a sequence, where examples stay whole. */
  longExamples: LongExamples
  /** Whether of examples that are the same the first alone is kept; left out: no. */
  isDeduplicated?: boolean
  /** Whether an epoch goes through the data in its order, not in one by the seed; left out: no. */
  isInOrder?: boolean
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
    empty: LeftOut
    /** Examples that are longer than a sequence. */
    long: LeftOut
    /** Pairs of answers that are alike up to where they are cut. */
    alike: LeftOut
    /** Rows that cannot be learned. */
    bad: LeftOut
    /** Examples that are there already, where those are not wanted. */
    repeated: LeftOut
    files: LeftOut
    /** Ids after the last whole sequence of a stream. */
    tailTokens: number
  }
  /** Conversations that are learned as a whole, as their template does not show the answers. */
  wholeConversations: LeftOut
  /** Examples that lose their end, as they are longer than a sequence. */
  shortened: LeftOut
  /** Examples that are held out and trained on. */
  copies: LeftOut
  /** Examples that are like one before them. */
  repeats: LeftOut
  /** Sequences to train on if each example were there once; null: so it is. */
  onceSequences: number | null
  /** Fields of rows that mean nothing here, and those that the chat template does not write. */
  aside: string[]
  unwritten: string[]
  /** Roles that nobody knows: what they say is read, and not learned. */
  strangers: string[]
  /** What share of the data was to be held out. */
  validationSize: number
}

/**
 * Makes shards of tokens.
 * @throws ConfigError when there is too little to hold a part out and train on the rest.
 */
export function cutDataset(
  parts: readonly Tokenised[],
  tokenizer: Tokeniser,
  options: DatasetOptions,
): PreparedDataset {
  refuseBad(parts, options)
  const all = parts.flatMap((part, owner) => part.examples.map((example) => ({ example, owner })))
  const isRepeat = repeatsIn(all.map(({ example }) => example))
  const repeats = newLeftOut()
  for (const [i, { example }] of all.entries()) if (isRepeat[i]) add(repeats, example.name)
  const { isDeduplicated = false } = options
  const kept = isDeduplicated ? all.filter((_, i) => !isRepeat[i]) : all
  const examples = kept.map(({ example }) => example)
  const shares = {
    owners: kept.map(({ owner }) => owner),
    weights: parts.map(({ weight = 1 }) => weight),
  }
  const split = options.layout === 'stream' ? splitStream : splitExamples
  const cut = split(examples, shares, tokenizer, options)
  const whole = newLeftOut()
  for (const { name, isWhole } of examples) if (isWhole) add(whole, name)
  const { train, validation, tokens, learnedTokens, copies, onceSequences } = cut
  const { config, blobs } = writeShards(train, validation, tokenizer, options)
  return {
    config,
    blobs,
    documents: cut.documents,
    validationSize: options.validationSize,
    tokens,
    learnedTokens,
    dropped: {
      empty: join(parts.map(({ empty }) => empty)),
      long: cut.long,
      alike: cut.alike,
      bad: join(parts.map(({ bad }) => bad)),
      repeated: isDeduplicated ? repeats : newLeftOut(),
      files: join(parts.map(({ files }) => files)),
      tailTokens: cut.tailTokens,
    },
    wholeConversations: whole,
    shortened: cut.shortened,
    copies,
    repeats: isDeduplicated ? newLeftOut() : repeats,
    onceSequences,
    aside: [...new Set(parts.flatMap(({ aside }) => [...aside]))].sort(),
    strangers: [...new Set(parts.flatMap(({ strangers }) => [...strangers]))].sort(),
    unwritten: [
      ...new Set(parts.flatMap((part) => part.unwritten.map(({ field }) => field))),
    ].sort(),
  }
}

interface Split {
  train: SequenceToWrite[]
  validation: SequenceToWrite[]
  /** Texts or examples that are kept. */
  documents: number
  tokens: number
  learnedTokens: number
  long: LeftOut
  alike: LeftOut
  shortened: LeftOut
  copies: LeftOut
  tailTokens: number
  onceSequences: number | null
}

/** eos, text, eos, text, ..., eos, in sequences that each begin with the last target before. */
function splitStream(
  examples: readonly TokenisedExample[],
  shares: Shares,
  { eosId }: Tokeniser,
  options: DatasetOptions,
): Split {
  const { sequenceLength: S, validationSize, seed, isInOrder = false } = options
  refuseWeights(examples)
  const length = examples.reduce((sum, { ids }) => sum + ids.length, 1)
  const stream = new Int32Array(length).fill(eosId)
  let offset = 1
  for (const { ids } of examples) {
    stream.set(ids, offset)
    offset += ids.length
  }
  const tokens = length - 1
  const sequences = Math.floor(tokens / S)
  const held = heldOut(sequences, validationSize)
  if (held >= sequences) {
    const has = `${counted(tokens, 'token')}, which make ${counted(sequences, 'sequence')} of ${S}`
    throw tooLittle(options, has, held, adviceOn(tokens))
  }
  const { train, validation } = splitInBlocks(sequences, held, seed)
  const { weights } = shares
  const ofSequences = { owners: ownersOfSequences(examples, shares.owners, S), weights }
  const epoch = epochOf(train, ofSequences, seed, isInOrder)
  const cut = (index: number): SequenceToWrite => ({
    ids: stream.subarray(index * S, (index + 1) * S + 1),
    counted: new Uint8Array(0),
    starts: new Uint8Array(0),
    rejected: new Uint8Array(0),
  })
  return {
    train: epoch.map(cut),
    validation: validation.map(cut),
    documents: examples.length,
    // The end of text with which a stream begins belongs to no example.
    tokens,
    learnedTokens: tokens,
    long: newLeftOut(),
    alike: newLeftOut(),
    shortened: newLeftOut(),
    copies: newLeftOut(),
    tailTokens: tokens - sequences * S,
    onceSequences: isWeighted(ofSequences) ? train.length : null,
  }
}

/** @throws ConfigError where a text weighs more or less than others of its stream */
function refuseWeights(examples: readonly TokenisedExample[]): void {
  const one = examples.find(({ weight = 1 }) => weight !== 1)
  if (one === undefined) return
  throw new ConfigError(
    `Cannot give ${one.name} a 'weight' of its own as texts alone make one stream: set ` +
      "'sample_packing: true' in run.yaml, which keeps each whole, the 'weight' of its dataset, " +
      "or 'leave_aside: [weight]' there to learn without",
  )
}

/** The dataset of each sequence of a stream is that of its first target. */
function ownersOfSequences(
  examples: readonly TokenisedExample[],
  owners: readonly number[],
  sequenceLength: number,
): number[] {
  const all: number[] = []
  let end = 0
  for (const [i, { ids }] of examples.entries()) {
    end += ids.length
    while (all.length * sequenceLength < end) all.push(owners[i]!)
  }
  return all
}

/** An example is in training or held out as a whole. */
function splitExamples(
  examples: readonly TokenisedExample[],
  shares: Shares,
  { eosId }: Tokeniser,
  options: DatasetOptions,
): Split {
  const { sequenceLength: S, validationSize, seed, longExamples, isInOrder = false } = options
  const long = newLeftOut()
  const alike = newLeftOut()
  const shortened = newLeftOut()
  const kept: TokenisedExample[] = []
  const owners: number[] = []
  const rowWeights: number[] = []
  const pieces: ReturnType<typeof piecesOf>[] = []
  for (const [i, example] of examples.entries()) {
    const own = piecesOf(example, S, longExamples)
    if (own.length === 0) {
      add(long, example.name)
      continue
    }
    if (example.answers !== undefined && areAnswersAlike(own)) {
      add(alike, example.name)
      continue
    }
    if (lengthOf(own) < example.ids.length) add(shortened, example.name)
    kept.push(example)
    owners.push(shares.owners[i]!)
    rowWeights.push(example.weight ?? 1)
    pieces.push(own)
  }
  const held = heldOut(kept.length, validationSize)
  if (held >= kept.length) {
    throw tooLittle(
      options,
      counted(kept.length, 'example'),
      held,
      adviceFor(join([long, alike]), options),
    )
  }
  const { train, validation } = splitInBlocks(kept.length, held, seed, 1)
  const packed = (indices: readonly number[]) =>
    pack(
      indices.flatMap((index) => pieces[index]!),
      S,
      eosId,
    )
  const ofExamples = { owners, weights: shares.weights, rowWeights }
  const epoch = epochOf(train, ofExamples, seed, isInOrder)
  const examplesAt = (indices: readonly number[]) => indices.map((index) => kept[index]!)
  const all = pieces.flat(2)
  return {
    train: packed(epoch),
    validation: packed(validation),
    documents: kept.length,
    tokens: all.reduce((sum, { ids }) => sum + ids.length, 0),
    learnedTokens: all.reduce((sum, { learned }) => sum + learned.filter(Boolean).length, 0),
    long,
    alike,
    shortened,
    copies: copiesIn(examplesAt(validation), examplesAt(train)),
    tailTokens: 0,
    onceSequences: isWeighted(ofExamples) ? packed(train).length : null,
  }
}

function areAnswersAlike(pieces: ReturnType<typeof piecesOf>): boolean {
  const [one, other] = pieces.flat()
  return one !== undefined && other !== undefined && areAlike(one, other)
}

/** Ids in the pieces of an example. */
const lengthOf = (pieces: ReturnType<typeof piecesOf>): number =>
  pieces.flat().reduce((sum, { ids }) => sum + ids.length, 0)

/** Two sequences are the least: one to train on, one to hold out. */
function adviceOn(tokens: number): string {
  const lengthMax = Math.floor(tokens / 2)
  return lengthMax < 2
    ? 'give more text'
    : `give more text, or set 'sequence_len' to at most ${lengthMax}`
}

function adviceFor(
  { count, names }: LeftOut,
  { layout, sequenceLength, longExamples }: DatasetOptions,
): string {
  if (count === 0) return 'give more of them'
  const lengthMax = exampleLengthMax(layout, sequenceLength)
  // Where examples may lose their end, too, these are left with nothing to learn.
  const other = longExamples === 'truncate' ? '' : ", or set 'excess_length_strategy: truncate'"
  return (
    `${count} more are longer than the ${lengthMax} tokens of 'sequence_len' (${names[0]}): ` +
    `raise it${other}`
  )
}

/** How many of so many are held out. */
const heldOut = (count: number, share: number): number => Math.max(1, Math.round(count * share))

/** @param has what there is of data */
function tooLittle(
  { name, validationSize }: DatasetOptions,
  has: string,
  held: number,
  advice: string,
): ConfigError {
  const why =
    held > 1
      ? `'val_set_size: ${validationSize}' holds out ${held} of them`
      : 'one is held out, to tell whether it learns'
  return new ConfigError(
    `Cannot train on the dataset '${name}' as it has ${has}: ${why}, and others must be left to ` +
      `train on: ${advice}`,
  )
}

function writeShards(
  train: readonly SequenceToWrite[],
  validation: readonly SequenceToWrite[],
  { vocabSize }: Tokeniser,
  { name, sequenceLength, sequencesPerShard, layout }: DatasetOptions,
): Pick<PreparedDataset, 'config' | 'blobs'> {
  const tokenBytes = tokenBytesFor(vocabSize)
  const blobs = new Map<Digest, Uint8Array>()
  const put = (sequences: readonly SequenceToWrite[]) => {
    const bytes = encodeShard(sequences, { sequenceLength, tokenBytes, layout, vocabSize })
    const digest = digestOf(bytes)
    blobs.set(digest, bytes)
    return { digest, bytes: bytes.length }
  }
  const config: DatasetConfig = {
    name,
    sequenceLength,
    layout,
    tokenBytes,
    sequencesPerShard,
    trainSequences: train.length,
    trainShards: chunks(train, sequencesPerShard).map(put),
    validationSequences: validation.length,
    validationShard: put(validation),
  }
  return { config, blobs }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size))
}
