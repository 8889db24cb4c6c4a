/**
 * How well a model tells the better of answers that are rated: the loss, accuracy and margin that a
 * run measures after each round, by the same function, on other rows.
 */
import { judge, type Preference, type Rated } from '../../kernels/index.ts'
import { ConfigError, counted } from '../../protocol/index.ts'
import type { Example } from '../dataset/kinds.ts'
import { isBad } from '../dataset/row.ts'
import { type TokenisedExample, tokeniseExample } from '../dataset/tokenise.ts'
import type { TextSession, Variant } from './text-session.ts'

export interface RatedScore {
  /** What the run's loss has on average; it is in no unit. */
  loss: number
  /** Share of what is rated with a margin above 0. */
  accuracy: number
  /** Mean. */
  margin: number
  /** Pairs, or answers that are rated each. */
  rated: number
}

/** The answers of a row, each with its prompt. */
type Answers = readonly (Pick<TokenisedExample, 'ids' | 'learned'> & { isRejected: boolean })[]

/**
 * Each row's answers as tokens.
 * @throws ConfigError for a row that cannot be read, has nothing to learn, or is longer than the
 *   context
 */
export function ratedTokens(
  { tokenizer, template, shape }: TextSession['model'],
  examples: readonly Example[],
): Answers[] {
  return examples.map((example) => {
    const tokens = tokeniseExample(example, tokenizer, template)
    if (tokens === null) {
      throw new ConfigError(
        `Cannot evaluate on ${example.name} as there is nothing in it that is learned`,
      )
    }
    if (isBad(tokens)) throw new ConfigError(tokens.complaint)
    const answers = answersOf(tokens)
    const longest = Math.max(...answers.map(({ ids }) => ids.length))
    if (longest <= shape.contextMax) return answers
    throw new ConfigError(
      `Cannot evaluate on ${example.name} as an answer of it has ${counted(longest, 'token')} ` +
        `with its prompt, and the context has ${shape.contextMax}: leave it out, or give another ` +
        "'--context'",
    )
  })
}

function answersOf({ ids, learned, answers = [] }: TokenisedExample): Answers {
  let end = 0
  return answers.map(({ length, isRejected }) => {
    const from = end
    end += length
    return { ids: ids.subarray(from, end), learned: learned.subarray(from, end), isRejected }
  })
}

/**
 * @param variants the base alone, or with the adapter beside it
 * @param onRow hears how many rows are read
 */
export async function scoreRated(
  session: TextSession,
  variants: readonly Variant[],
  rows: readonly Answers[],
  preference: Preference,
  onRow: (count: number) => void = () => {},
): Promise<Map<Variant, RatedScore>> {
  const sums = new Map(variants.map((one) => [one, { loss: 0, right: 0, margin: 0, rated: 0 }]))
  for (const [index, answers] of rows.entries()) {
    const reference = await logProbabilities(session, 'base', answers)
    for (const [variant, sum] of sums) {
      const policy =
        variant === 'base' ? reference : await logProbabilities(session, variant, answers)
      const scores = answers.map((_, i) => ({ policy: policy[i]!, reference: reference[i]! }))
      for (const [from, to] of groupsOf(preference, answers.length)) {
        const judged = judge(preference, ratedOf(answers).slice(from, to), scores.slice(from, to))
        sum.loss += judged.loss
        sum.right += judged.margin > 0 ? 1 : 0
        sum.margin += judged.margin
        sum.rated += 1
      }
    }
    onRow(index + 1)
  }
  return new Map(
    [...sums].map(([variant, { loss, right, margin, rated }]) => [
      variant,
      { loss: loss / rated, accuracy: right / rated, margin: margin / rated, rated },
    ]),
  )
}

/** `kto` rates each answer, others a pair. */
const groupsOf = ({ loss }: Preference, count: number): [from: number, to: number][] =>
  loss === 'kto' ? Array.from({ length: count }, (_, i) => [i, i + 1]) : [[0, count]]

/** Each answer as a document of its own. */
const ratedOf = (answers: Answers): Rated =>
  answers.map(({ ids, learned, isRejected }) => {
    const count = learned.subarray(1).reduce((sum, flag) => sum + flag, 0)
    return { from: 0, to: ids.length, count, isRejected }
  })

/** Each answer's log probability: those of its tokens that are learned, summed, in nats. */
async function logProbabilities(
  session: TextSession,
  variant: Variant,
  answers: Answers,
): Promise<number[]> {
  const sums: number[] = []
  for (const { ids, learned } of answers) {
    const targets = ids.subarray(1).map((id, i) => (learned[i + 1] === 1 ? id : -1))
    const { losses } = await session.score(variant, { tokens: ids.subarray(0, -1), targets })
    sums.push(-losses.reduce((sum, loss) => sum + loss, 0))
  }
  return sums
}
