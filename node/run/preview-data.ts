/** What training would see of a run's data: examples with what is learned of them, and figures. */
import type { Kind } from '../dataset/kinds.ts'
import { notesOf } from '../dataset/notes.ts'
import { cutDataset, type PreparedDataset, type Tokenised, tokenise } from '../dataset/prepare.ts'
import type { Source } from '../dataset/sources.ts'
import type { TokenisedExample } from '../dataset/tokenise.ts'
import { openBaseModel } from '../model/base-model.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import type { LocatedRun } from './locate-run.ts'
import { datasetOptions, openSources } from './prepare-run.ts'

export interface PreviewedExample {
  name: string
  tokens: number
  learnedTokens: number
  /** Its text in runs of tokens that are learned, or not. */
  parts: { text: string; tokens: number; isLearned: boolean }[]
}

export interface PreviewedSource {
  path: string
  kind: Kind
  isDetected: boolean
  files: number
  /** Of all its examples, before any is found too long. */
  count: number
  tokens: number
  learnedTokens: number
  /** Left out, as nothing in them is learned. */
  empty: number
  /** The first ones. */
  examples: PreviewedExample[]
}

export interface DataPreview {
  sources: PreviewedSource[]
  dataset: PreparedDataset
  notes: string[]
  /** Examples by tokens: up to `tokensMax`, and more than the row before. */
  lengths: { tokensMax: number; examples: number }[]
}

/** @param examplesMax to show of each source */
export async function previewData(run: LocatedRun, examplesMax: number): Promise<DataPreview> {
  const base = await openBaseModel(run.base)
  base.close()
  const { tokenizer } = base
  const sources = await openSources(run)
  const options = await datasetOptions(run, base, sources)
  const parts: Tokenised[] = []
  for (const source of sources) parts.push(await tokenise(source.examples(), tokenizer, options))
  const examples = parts.flatMap((part) => part.examples)
  const empty = parts.reduce((sum, part) => sum + part.empty, 0)
  const dataset = cutDataset({ examples, empty }, tokenizer, options)
  return {
    sources: sources.map((source, i) => {
      const first = parts[i]!.examples.slice(0, examplesMax)
      return {
        ...figuresOf(source, parts[i]!),
        examples: first.map((example) => shown(example, tokenizer)),
      }
    }),
    dataset,
    notes: notesOf(dataset),
    lengths: histogram(examples.map(({ ids }) => ids.length)),
  }
}

function figuresOf(source: Source, { examples, empty }: Tokenised) {
  const { path, kind, isDetected, files } = source
  return {
    ...{ path, kind, isDetected, files, count: examples.length, empty },
    tokens: examples.reduce((sum, { ids }) => sum + ids.length, 0),
    learnedTokens: examples.reduce((sum, { learned }) => sum + countOf(learned), 0),
  }
}

function shown({ name, ids, learned }: TokenisedExample, tokenizer: TextTokenizer) {
  const parts: PreviewedExample['parts'] = []
  for (let from = 0; from < ids.length; ) {
    let to = from + 1
    while (to < ids.length && learned[to] === learned[from]) to++
    const text = tokenizer.decode(ids.subarray(from, to))
    parts.push({ text, tokens: to - from, isLearned: learned[from] === 1 })
    from = to
  }
  return { name, tokens: ids.length, learnedTokens: countOf(learned), parts }
}

const countOf = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0)

/** By powers of two, from the shortest to the longest. */
function histogram(lengths: readonly number[]): DataPreview['lengths'] {
  const counts = new Map<number, number>()
  for (const length of lengths) {
    const tokensMax = 2 ** (32 - Math.clz32(Math.max(0, length - 1)))
    counts.set(tokensMax, (counts.get(tokensMax) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([tokensMax, examples]) => ({ tokensMax, examples }))
}
