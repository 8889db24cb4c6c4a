/**
 * Questions with choices: each choice has the sum of its tokens' log-probabilities behind the
 * prompt. `acc` takes the choice where that is highest, `acc_norm` where it is highest for each
 * byte of the choice in UTF-8 (the harness has characters there, which are the same in ASCII).
 * Source: Gao et al., Language Model Evaluation Harness, api/task.py, `multiple_choice`.
 */
import type { Batch } from '../../kernels/index.ts'
import type { ScoreOutput } from '../compute/task.ts'

/** A question in tokens. */
export interface AskedQuestion {
  prompt: ArrayLike<number>
  choices: readonly { ids: ArrayLike<number>; bytes: number }[]
}

export interface TokenQuestion extends AskedQuestion {
  /** Index of the right one. */
  answer: number
}

/** Indices of choices; -1 where a number is none: then no choice is the likeliest. */
export interface Likeliest {
  bySum: number
  byLength: number
}

export interface ChoiceReader {
  /** Tokens that it reads at a time at most. */
  contextMax: number
  score(sequence: Batch): Promise<ScoreOutput>
}

export interface ChoiceScore {
  /** Share of questions whose right answer is the likeliest. */
  acc: number
  /** The same with each answer's log-likelihood divided by its length in bytes. */
  accNorm: number
  questions: number
}

export async function scoreQuestions(
  reader: ChoiceReader,
  questions: readonly TokenQuestion[],
  onQuestion: (count: number) => void = () => {},
): Promise<ChoiceScore> {
  let right = 0
  let rightByLength = 0
  for (const [index, question] of questions.entries()) {
    const { bySum, byLength } = await likeliestChoices(reader, question)
    if (bySum === question.answer) right += 1
    if (byLength === question.answer) rightByLength += 1
    onQuestion(index + 1)
  }
  const count = questions.length
  return { acc: right / count, accNorm: rightByLength / count, questions: count }
}

export async function likeliestChoices(
  reader: ChoiceReader,
  { prompt, choices }: AskedQuestion,
): Promise<Likeliest> {
  const sums: number[] = []
  for (const { ids } of choices) sums.push(await logLikelihood(reader, prompt, ids))
  const forEachByte = sums.map((sum, i) => sum / choices[i]!.bytes)
  return { bySum: indexOfMax(sums), byLength: indexOfMax(forEachByte) }
}

/** ln p(choice | prompt), in nats. A context that is too short forgets the prompt's beginning. */
async function logLikelihood(
  { contextMax, score }: ChoiceReader,
  prompt: ArrayLike<number>,
  choice: ArrayLike<number>,
): Promise<number> {
  const whole = Int32Array.of(...Array.from(prompt), ...Array.from(choice))
  const ids = whole.slice(-(contextMax + 1))
  const targets = ids.subarray(1).map((id, i) => (i + 1 < ids.length - choice.length ? -1 : id))
  const { losses } = await score({ tokens: ids.subarray(0, -1), targets })
  return -losses.reduce((sum, loss) => sum + loss, 0)
}

function indexOfMax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}
