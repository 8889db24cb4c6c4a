/**
 * What an adapter makes of rows that it is scored on. Whoever does it gets the same, bit for bit,
 * and needs none of the answers.
 */
import type { Batch } from '../../kernels/index.ts'
import { CHOICES_MAX, type ScoredRow } from '../../protocol/index.ts'
import type { Compute } from '../compute/compute.ts'
import type { AskedRows } from '../dataset/scored-rows.ts'
import { likeliestChoices } from './score-choices.ts'

export interface AnsweringWorld {
  /** Has a model open. */
  compute: Compute
  /** Tokens that the model reads at a time at most. */
  contextMax: number
  /** Null: the base alone. */
  adapter: Float32Array | null
  /** Called after each row. @throws Error when the rest is not to be done */
  check(): void
}

const GREEDY = { temperature: 0, topK: 0, topP: 1 }

/** Rows `first` .. `first + rows - 1`, the questions before the prompts. */
export async function answerRows(
  { questions, prompts, tokensMax, stopIds }: AskedRows,
  { first, rows }: { first: number; rows: number },
  { compute, contextMax, adapter, check }: AnsweringWorld,
): Promise<ScoredRow[]> {
  const use = onceOf(adapter)
  const reader = {
    contextMax,
    score: (sequence: Batch) => compute.run('score', { ...use(), ...sequence }),
  }
  const outcomes: ScoredRow[] = []
  for (const question of questions.slice(first, first + rows)) {
    const { bySum, byLength } = await likeliestChoices(reader, question)
    outcomes.push([bySum, byLength].map((index) => (index < 0 ? CHOICES_MAX : index)))
    check()
  }
  const ofPrompts = [first, first + rows].map((row) => Math.max(0, row - questions.length))
  for (const { prompt } of prompts.slice(...ofPrompts)) {
    const ids = await compute.run('generate', {
      ...use(),
      prompt: Int32Array.from(prompt),
      tokensMax,
      sampling: GREEDY,
      seed: 0,
      stopIds,
    })
    outcomes.push([...ids])
    check()
  }
  return outcomes
}

/** The first task takes the adapter along; the others have the same without it. */
function onceOf(adapter: Float32Array | null): () => { adapter?: Float32Array | null } {
  let isSent = false
  return () => {
    if (isSent) return {}
    isSent = true
    return { adapter }
  }
}
