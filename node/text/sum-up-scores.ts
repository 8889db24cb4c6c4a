/** What rows come to that an adapter was scored on: shares of the answers that are right. */
import { counted, type ScoredRow, type Scores } from '../../protocol/index.ts'
import { withinMs } from '../bounded-time.ts'
import { ANSWER_LENGTH_MAX, extractAnswer, type ScoredRows } from '../dataset/scored-rows.ts'

/** The answers of one score are looked for in this time, in which the host does nothing else. */
const REGEX_MS_MAX = 2_000

/**
 * @param outcomes of all rows, in their order
 * @throws Error when a regex takes too long
 */
export function sumUpScores(
  rows: ScoredRows,
  outcomes: readonly ScoredRow[],
  decode: (ids: Iterable<number>) => string,
): Scores {
  const { questions, prompts } = rows
  const scores: Scores = {}
  if (questions.length > 0) {
    const shareOf = (by: number) =>
      questions.filter(({ answer }, row) => outcomes[row]![by] === answer).length / questions.length
    scores.acc = shareOf(0)
    scores.accNorm = shareOf(1)
  }
  if (prompts.length > 0) {
    const written = outcomes.slice(questions.length).map((ids) => decode(ids))
    scores.exactMatch = exactMatch(rows, written)
  }
  return scores
}

/** Share of the prompts whose answer, taken out of what is written, is the expected one. */
function exactMatch({ prompts, regex }: ScoredRows, written: readonly string[]): number {
  const found = withinMs(
    REGEX_MS_MAX,
    () => written.map((text) => extractAnswer(text.slice(0, ANSWER_LENGTH_MAX), regex)),
    `Cannot look for 'eval_generate.regex' in ${counted(written.length, 'answer')}`,
    'write one that has fewer ways to match',
  )
  const right = prompts.filter(({ answer }, i) => found[i] === new TextDecoder().decode(answer))
  return right.length / prompts.length
}
