/**
 * How well a model knows a text. The loss is the mean, over target tokens, of -ln p(token | those
 * before it): every token of a document but its first is a target once, with up to a whole context
 * before it. A text longer than the context is read in windows that follow one another.
 */
import type { Batch } from '../../kernels/index.ts'
import { ConfigError } from '../../protocol/index.ts'
import { encodeQuestion } from '../dataset/encode-question.ts'
import type { Document } from '../dataset/sources.ts'
import { type ChoiceScore, scoreQuestions } from './score-choices.ts'
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

/** The same as a run's own scores (score-adapter.ts). */
export function scoreChoices(
  session: TextSession,
  variant: Variant,
  questions: readonly Question[],
  onQuestion: (count: number) => void = () => {},
): Promise<ChoiceScore> {
  const { tokenizer, shape } = session.model
  const tokens = questions.map(({ answer, ...question }, index) => {
    const encoded = encodeQuestion(tokenizer, question)
    if (encoded.choices.every(({ ids }) => ids.length > 0)) return { ...encoded, answer }
    throw new ConfigError(
      `Cannot score on question ${index + 1} as each choice must have a token of its own behind ` +
        'the prompt: leave it out, or let its choices begin with a space',
    )
  })
  const reader = {
    contextMax: shape.contextMax,
    score: (sequence: Batch) => session.score(variant, sequence),
  }
  return scoreQuestions(reader, tokens, onQuestion)
}
