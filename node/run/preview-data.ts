/** What training would see of a run's data: examples with what is learned of them, and figures. */
import type { Kind } from '../dataset/kinds.ts'
import type { PreparedDataset } from '../dataset/prepare.ts'
import { prepareDataset } from '../dataset/prepare.ts'
import type { Source } from '../dataset/sources.ts'
import { type TokenisedExample, tokeniseExample } from '../dataset/tokenise.ts'
import { openBaseModel } from '../model/base-model.ts'
import type { TextTokenizer } from '../model/tokenizer.ts'
import type { LocatedRun } from './locate-run.ts'
import { datasetOptions, joined, openSources } from './prepare-run.ts'

export interface PreviewedExample {
  name: string
  /** Its text in runs of tokens that are learned, or not. */
  parts: { text: string; tokens: number; isLearned: boolean }[]
}

export interface DataPreview {
  sources: { path: string; kind: Kind; isDetected: boolean; files: number }[]
  examples: PreviewedExample[]
  dataset: PreparedDataset
  /** Examples by tokens: up to `tokensMax`, and more than the row before. */
  lengths: { tokensMax: number; examples: number }[]
}

export async function previewData(run: LocatedRun, examplesMax: number): Promise<DataPreview> {
  const base = await openBaseModel(run.base)
  base.close()
  const { tokenizer } = base
  const sources = await openSources(run)
  const options = await datasetOptions(run, base, sources)
  const dataset = await prepareDataset(joined(sources), tokenizer, options)
  const tokenised: TokenisedExample[] = []
  for await (const example of joined(sources)) {
    const one = tokeniseExample(example, tokenizer, options.template)
    if (one !== null) tokenised.push(one)
  }
  return {
    sources: sources.map(({ examples: _, ...source }: Source) => source),
    examples: tokenised.slice(0, examplesMax).map((one) => shown(one, tokenizer)),
    dataset,
    lengths: histogram(tokenised.map(({ ids }) => ids.length)),
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
  return { name, parts }
}

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
