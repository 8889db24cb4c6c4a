/**
 * What adapters are scored on, as one blob: questions with choices, and prompts with the answers
 * that are expected, in the base's tokens. Whoever scores needs no template and no file beside it.
 */
import {
  ANSWER_TOKENS_MAX,
  bytes,
  CHOICES_MAX,
  decode,
  encode,
  type Infer,
  integer,
  list,
  nullable,
  parse,
  SCORED_BYTES_MAX,
  SCORED_ROWS_MAX,
  SCORED_TOKENS_MAX,
  struct,
  text,
  VOCABULARY_MAX,
} from '../../protocol/index.ts'

/** A text that is longer is looked at no further, whoever wrote it. */
export const ANSWER_LENGTH_MAX = 4_000
export const REGEX_LENGTH_MAX = 500
const STOPS_MAX = 1_024

const ids = list(integer(0, VOCABULARY_MAX - 1), 1, SCORED_TOKENS_MAX)

const question = {
  prompt: ids,
  /** `bytes` of its text in UTF-8, by which acc_norm divides. */
  choices: list(struct({ ids, bytes: integer(1, 2 ** 20) }), 2, CHOICES_MAX),
}

const writing = {
  /** So many tokens are written at most, and none after one of these. */
  tokensMax: integer(1, ANSWER_TOKENS_MAX),
  stopIds: list(integer(0, VOCABULARY_MAX - 1), 0, STOPS_MAX),
}

const askedSchema = struct({
  questions: list(struct(question), 0, SCORED_ROWS_MAX),
  prompts: list(struct({ prompt: ids }), 0, SCORED_ROWS_MAX),
  ...writing,
})
/** The rows without their answers. */
export type AskedRows = Infer<typeof askedSchema>

const schema = struct({
  questions: list(
    struct({
      ...question,
      /** Index of the right one. */
      answer: integer(0, CHOICES_MAX - 1),
    }),
    0,
    SCORED_ROWS_MAX,
  ),
  prompts: list(
    // Text in UTF-8, trimmed: it may have lines.
    struct({ prompt: ids, answer: bytes(1, 4 * ANSWER_LENGTH_MAX) }),
    0,
    SCORED_ROWS_MAX,
  ),
  ...writing,
  /** What of the written text is the answer; null: all of it. */
  regex: nullable(text(REGEX_LENGTH_MAX)),
})
export type ScoredRows = Infer<typeof schema>
export type ScoredQuestion = ScoredRows['questions'][number]

export const encodeScoredRows = (rows: ScoredRows): Uint8Array => encode(rows)

/** @throws ProtocolError unless the bytes are such rows */
export const decodeScoredRows = (blob: Uint8Array): ScoredRows =>
  parse(schema, decode(blob, SCORED_BYTES_MAX), 'rows')

/** What whoever does not know the answers may score on. */
export function encodeAskedRows({
  questions,
  prompts,
  tokensMax,
  stopIds,
}: ScoredRows): Uint8Array {
  const asked: AskedRows = {
    questions: questions.map(({ prompt, choices }) => ({ prompt, choices })),
    prompts: prompts.map(({ prompt }) => ({ prompt })),
    tokensMax,
    stopIds,
  }
  return encode(asked)
}

/** @throws ProtocolError unless the bytes are such rows */
export const decodeAskedRows = (blob: Uint8Array): AskedRows =>
  parse(askedSchema, decode(blob, SCORED_BYTES_MAX), 'rows')

/** Tokens of context that the longest needs. */
export function contextOf({ questions, prompts, tokensMax }: ScoredRows): number {
  let most = 2
  for (const { prompt, choices } of questions) {
    for (const choice of choices) most = Math.max(most, prompt.length + choice.ids.length)
  }
  for (const { prompt } of prompts) most = Math.max(most, prompt.length + tokensMax)
  return most
}

/**
 * The answer in a text: the first group of the first match, or all of the match; trimmed. Null:
 * there is no match.
 */
export function extractAnswer(written: string, regex: string | null): string | null {
  const looked = written.slice(0, ANSWER_LENGTH_MAX)
  if (regex === null) return looked.trim()
  const match = new RegExp(regex).exec(looked)
  return match === null ? null : (match[1] ?? match[0]).trim()
}
