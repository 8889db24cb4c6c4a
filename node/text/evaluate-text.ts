/**
 * How well a model knows a text. The loss is the mean, over target tokens, of -ln p(token | those
 * before it): every token of a document but its first is a target once, with up to a whole context
 * before it. A text longer than the context is read in windows that follow one another.
 */
import type { Document } from '../dataset/sources.ts'
import type { TextSession, Variant } from './text-session.ts'

export interface TextScore {
  /** Nats per target token. */
  loss: number
  perplexity: number
  /** Bits for a byte of the text in UTF-8: what a compressor by this model would need. */
  bitsPerByte: number
  /** Share of the targets that are the likeliest token. */
  tokenAccuracy: number
  /** Targets. */
  tokens: number
  bytes: number
}

interface Sums {
  loss: number
  hits: number
  tokens: number
  bytes: number
}

/** @param onTokens hears how many targets have been read */
export async function scoreText(
  session: TextSession,
  variant: Variant,
  documents: readonly Document[],
  onTokens: (count: number) => void = () => {},
): Promise<TextScore> {
  const sums: Sums = { loss: 0, hits: 0, tokens: 0, bytes: 0 }
  for (const { text } of documents) {
    const ids = session.model.tokenizer.encodeWhole(text)
    sums.bytes += Buffer.byteLength(text)
    for (const window of windows(ids, session.model.shape.contextMax)) {
      const { losses, hits } = await session.score(variant, window)
      sums.loss += losses.reduce((sum, loss) => sum + loss, 0)
      sums.hits += hits.reduce((sum, hit) => sum + hit, 0)
      sums.tokens += losses.length
      onTokens(sums.tokens)
    }
  }
  return meansOf(sums)
}

/** Tokens i·S .. and the token after each. */
function* windows(ids: Int32Array, length: number) {
  for (let first = 0; first + 1 < ids.length; first += length) {
    const last = Math.min(first + length, ids.length - 1)
    yield { tokens: ids.subarray(first, last), targets: ids.subarray(first + 1, last + 1) }
  }
}

function meansOf({ loss, hits, tokens, bytes }: Sums): TextScore {
  const mean = loss / tokens
  return {
    loss: mean,
    perplexity: Math.exp(mean),
    bitsPerByte: loss / Math.LN2 / bytes,
    tokenAccuracy: hits / tokens,
    tokens,
    bytes,
  }
}

/** A question with answers to choose from. */
export interface Question {
  prompt: string
  choices: string[]
  /** Index of the right one. */
  answer: number
}

export interface ChoiceScore {
  /** Share of questions whose right answer is the likeliest. */
  accuracy: number
  /** The same with each answer's log-likelihood divided by its length in bytes. */
  accuracyByLength: number
  questions: number
}

/** Source: Gao et al., Language Model Evaluation Harness, `multiple_choice` (acc, acc_norm). */
export async function scoreChoices(
  session: TextSession,
  variant: Variant,
  questions: readonly Question[],
  onQuestion: (count: number) => void = () => {},
): Promise<ChoiceScore> {
  let right = 0
  let rightByLength = 0
  for (const [index, { prompt, choices, answer }] of questions.entries()) {
    const sums: number[] = []
    for (const choice of choices) sums.push(await logLikelihood(session, variant, prompt, choice))
    const byLength = sums.map((sum, i) => sum / Buffer.byteLength(choices[i]!))
    if (indexOfMax(sums) === answer) right += 1
    if (indexOfMax(byLength) === answer) rightByLength += 1
    onQuestion(index + 1)
  }
  const count = questions.length
  return { accuracy: right / count, accuracyByLength: rightByLength / count, questions: count }
}

/** ln p(choice | prompt), in nats. A context that is too short forgets the prompt's beginning. */
async function logLikelihood(
  session: TextSession,
  variant: Variant,
  prompt: string,
  choice: string,
): Promise<number> {
  const { tokenizer, shape } = session.model
  const answer = tokenizer.encode(choice)
  const whole = Int32Array.of(...tokenizer.encodeWhole(prompt), ...answer)
  const ids = whole.slice(-(shape.contextMax + 1))
  const targets = ids.subarray(1).map((id, i) => (i + 1 < ids.length - answer.length ? -1 : id))
  const { losses } = await session.score(variant, { tokens: ids.subarray(0, -1), targets })
  return -losses.reduce((sum, loss) => sum + loss, 0)
}

function indexOfMax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}
