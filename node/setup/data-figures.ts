/** What is shown of a run's data: the first examples with what is learned of them, and figures. */
import type { Source } from '../dataset/sources.ts'
import type { TokenisedExample } from '../dataset/tokenise.ts'
import type { Tokenised } from '../dataset/tokenised.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'

export interface PreviewedExample {
  name: string
  tokens: number
  learnedTokens: number
  /** How often an epoch has it, beside the weight of its dataset; left out: once. */
  weight?: number
  /** Its text in runs of tokens that are learned, or not. */
  parts: { text: string; tokens: number; isLearned: boolean; answer?: AnswerMark }[]
}

/** Which answer of a row it is, in the words of the row, where answers are rated. */
export type AnswerMark = 'chosen' | 'rejected' | 'label true' | 'label false'

export interface PreviewedSource {
  path: string
  kind: Source['kind']
  isDetected: boolean
  files: number
  /** How often an epoch has what it has; left out: once. */
  weight?: number | undefined
  /** Counts all its examples, before any is found too long. */
  count: number
  tokens: number
  learnedTokens: number
  /** Left out, as nothing in them is learned. */
  empty: number
  /** The first ones. */
  examples: PreviewedExample[]
}

export interface DataFigures {
  sources: PreviewedSource[]
  /** Examples by tokens: up to `tokensMax`, and more than the row before. */
  lengths: { tokensMax: number; examples: number }[]
  /** The tokens that so large a share of the examples has at most; empty where there are none. */
  quantiles: { share: number; tokens: number }[]
  /** The share of the examples that is longer than a sequence of such a length, and so is cut. */
  longer: { sequenceLength: number; share: number }[]
}

/** @param examplesMax to show of each source */
export function figuresOf(
  sources: readonly Source[],
  parts: readonly Tokenised[],
  tokenizer: TextTokenizer,
  examplesMax: number,
): DataFigures {
  const lengths = parts.flatMap(({ examples }) => examples.map(lengthOf))
  // A sequence has a target more than it has tokens; an answer has half of one, and no more.
  const isRated = parts.some(({ examples }) => examples[0]?.answers !== undefined)
  return {
    sources: sources.map((source, i) => sourceFigures(source, parts[i]!, tokenizer, examplesMax)),
    lengths: histogram(lengths),
    quantiles: quantiles(lengths),
    longer: longerThan(lengths, isRated ? 0 : 1),
  }
}

/** What is rated is as long as its longest answer. */
function lengthOf({ ids, answers = [] }: TokenisedExample): number {
  return answers.length === 0 ? ids.length : Math.max(...answers.map(({ length }) => length))
}

function sourceFigures(
  { path, kind, isDetected, files, weight }: Source,
  { examples, empty }: Tokenised,
  tokenizer: TextTokenizer,
  examplesMax: number,
): PreviewedSource {
  return {
    path,
    kind,
    isDetected,
    files,
    weight,
    count: examples.length,
    tokens: examples.reduce((sum, { ids }) => sum + ids.length, 0),
    learnedTokens: examples.reduce((sum, { learned }) => sum + countOf(learned), 0),
    empty: empty.count,
    examples: examples.slice(0, examplesMax).map((example) => shown(example, kind, tokenizer)),
  }
}

function shown(
  { name, ids, learned, weight, answers = [] }: TokenisedExample,
  kind: Source['kind'],
  tokenizer: TextTokenizer,
): PreviewedExample {
  const parts: PreviewedExample['parts'] = []
  const marked = answers.map(({ length, isRejected }) => ({
    length,
    mark: { answer: markOf(kind, isRejected) },
  }))
  let from = 0
  for (const { length, mark } of marked.length > 0 ? marked : [{ length: ids.length, mark: {} }]) {
    const end = from + length
    while (from < end) {
      let to = from + 1
      while (to < end && learned[to] === learned[from]) to++
      const text = tokenizer.decode(ids.subarray(from, to))
      parts.push({ text, tokens: to - from, isLearned: learned[from] === 1, ...mark })
      from = to
    }
  }
  const counts = { tokens: ids.length, learnedTokens: countOf(learned) }
  return { name, ...counts, ...(weight !== undefined && { weight }), parts }
}

function markOf(kind: Source['kind'], isRejected: boolean): AnswerMark {
  if (kind === 'pair') return isRejected ? 'rejected' : 'chosen'
  return isRejected ? 'label false' : 'label true'
}

const countOf = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0)

/** Rows of a histogram, about; fine enough to choose a length by. */
const ROWS = 16

/**
 * A histogram in rows of equal width, a multiple of 8, from the shortest on; there are no empty
 * rows.
 */
export function histogram(lengths: readonly number[]): DataFigures['lengths'] {
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1)
  const width = 8 * Math.ceil(longest / ROWS / 8)
  const counts = new Map<number, number>()
  for (const length of lengths) {
    const tokensMax = width * Math.max(1, Math.ceil(length / width))
    counts.set(tokensMax, (counts.get(tokensMax) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([tokensMax, examples]) => ({ tokensMax, examples }))
}

const SHARES = [0.5, 0.9, 0.95, 0.99, 1]

export function quantiles(lengths: readonly number[]): DataFigures['quantiles'] {
  const sorted = lengths.toSorted((a, b) => a - b)
  if (sorted.length === 0) return []
  return SHARES.map((share) => ({
    share,
    tokens: sorted[Math.ceil(share * sorted.length) - 1]!,
  }))
}

const SEQUENCE_MIN = 64
const SEQUENCE_MAX = 32_768

/** Powers of two, from the first that cuts half at most to the first that cuts none. */
export function longerThan(lengths: readonly number[], more = 1): DataFigures['longer'] {
  const all: DataFigures['longer'] = []
  for (let length = SEQUENCE_MIN; length <= SEQUENCE_MAX; length *= 2) {
    const count = lengths.filter((tokens) => tokens > length + more).length
    if (2 * count <= lengths.length) {
      all.push({ sequenceLength: length, share: count / Math.max(1, lengths.length) })
    }
    if (count === 0) break
  }
  return all
}
