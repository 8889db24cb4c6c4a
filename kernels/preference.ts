/**
 * Losses of preference: what is learned from pairs of answers of which one is chosen and the other
 * rejected, or from answers that are each rated. Each is a function of the answers' log
 * probabilities, log π(y|x) summed over the tokens of the answer; dpo, ipo and kto also compare
 * them with those of the reference, which is the base without the adapter.
 *
 * All is float64 arithmetic of portable functions, so that every engine gets the same bits.
 * Sources: DPO, Rafailov et al. 2023, eq. 7, smoothed as in Mitchell 2023, cDPO; IPO, Azar et al.
 * 2023, eq. 17; ORPO, Hong et al. 2024, eq. 6 and 7; KTO, Ethayarajh et al. 2024, eq. 8 with z₀ =
 * 0; SimPO, Meng et al. 2024, eq. 6. Means over an answer's tokens, and what a reward is, as in
 * TRL.
 */
import { expDouble, logDouble } from './portable-math.ts'
import { ShapeError } from './shape.ts'

export interface Preference {
  loss: 'dpo' | 'ipo' | 'orpo' | 'kto' | 'simpo'
  /** β; of orpo λ, the weight of the odds ratio beside the chosen answer's own loss. */
  beta: number
  /** dpo: the share of pairs that is taken to be told the wrong way round; absent: none. */
  labelSmoothing?: number | undefined
  /** simpo: γ, by which the chosen answer's reward is to be the higher one; absent: 0. */
  targetMargin?: number | undefined
  /** simpo: the weight of the chosen answer's own loss beside it; absent: 0. */
  chosenWeight?: number | undefined
  /** kto: the weights λ of good and of bad answers; absent: 1. */
  desirableWeight?: number | undefined
  undesirableWeight?: number | undefined
}

/** One answer in a batch: a document with tokens that are learned, `count` of them. */
export interface Answer {
  /** Its document's tokens, from..to-1. */
  from: number
  to: number
  count: number
  isRejected: boolean
}

/** What is rated as one: a pair, chosen first, or a single answer. */
export type Rated = readonly Answer[]

/** Log probabilities of an answer's tokens, summed. */
export interface Scores {
  policy: number
  /** 0 where the loss has no reference. */
  reference: number
}

export interface Judged {
  loss: number
  /** The loss's derivative by each answer's `policy`. */
  slopes: readonly number[]
  /** A pair's: chosen's reward less rejected's; a rated answer's: its reward, or less it if bad. */
  margin: number
}

/** Sums over what is rated: `right` counts margins above 0. */
export interface Judgement {
  rated: number
  right: number
  marginSum: number
}

/** Whether the reference's probabilities matter. */
export function hasReference({ loss }: Preference): boolean {
  return loss === 'dpo' || loss === 'ipo' || loss === 'kto'
}

/**
 * The answers of whole sequences, grouped as they are rated.
 * @param documents the tokens that documents begin with, in ascending order, then T
 * @param rejected those of them that are rejected
 * @param S tokens of a sequence, in which pairs lie as a whole
 * @throws ShapeError where of a pair one is missing
 */
export function ratedIn(
  { loss }: Preference,
  targets: Int32Array,
  documents: Int32Array,
  rejected: ReadonlySet<number>,
  S: number,
): Rated[] {
  const answers = answersIn(targets, documents, rejected)
  if (loss === 'kto') return answers.map((answer) => [answer])
  const pairs: Rated[] = []
  for (let i = 0; i < answers.length; i += 2) {
    const [chosen, other] = [answers[i]!, answers[i + 1]]
    const isPair = !chosen.isRejected && other?.isRejected === true
    if (!isPair || Math.floor(chosen.from / S) !== Math.floor(other.from / S)) {
      throw new ShapeError(
        "Cannot run a batch as 'rejected' must follow 'chosen' in its sequence: " +
          `current value is the answer at token ${chosen.from}`,
      )
    }
    pairs.push([chosen, other])
  }
  return pairs
}

function answersIn(
  targets: Int32Array,
  documents: Int32Array,
  rejected: ReadonlySet<number>,
): Answer[] {
  const answers: Answer[] = []
  for (let i = 0; i + 1 < documents.length; i++) {
    const [from, to] = [documents[i]!, documents[i + 1]!]
    let count = 0
    for (let token = from; token < to; token++) if (targets[token]! >= 0) count++
    if (count > 0) answers.push({ from, to, count, isRejected: rejected.has(from) })
  }
  return answers
}

/** @param scores of each answer of what is rated */
export function judge(preference: Preference, rated: Rated, scores: readonly Scores[]): Judged {
  const { loss, beta } = preference
  const [first, second] = rated as [Answer, Answer]
  const [own, other] = scores as [Scores, Scores]
  switch (loss) {
    case 'kto':
      return rateOne(preference, first, own)
    case 'dpo':
      return byDifference(preference, ratioOf(own) - ratioOf(other))
    case 'ipo': {
      const margin = ratioOf(own) / first.count - ratioOf(other) / second.count
      const off = margin - 1 / (2 * beta)
      const slopes = [(2 * off) / first.count, (-2 * off) / second.count]
      return { loss: off * off, slopes, margin: beta * margin }
    }
    case 'simpo':
      return byMeans(preference, first, second, own.policy, other.policy)
    case 'orpo':
      return byOdds(preference, first, second, own.policy, other.policy)
  }
}

const ratioOf = ({ policy, reference }: Scores): number => policy - reference

/** DPO: -log σ(z) with z = β · the difference of the log ratios. */
function byDifference({ beta, labelSmoothing = 0 }: Preference, difference: number): Judged {
  const z = beta * difference
  const loss = (1 - labelSmoothing) * softplus(-z) + labelSmoothing * softplus(z)
  const slope = beta * (labelSmoothing * sigmoid(z) - (1 - labelSmoothing) * sigmoid(-z))
  return { loss, slopes: [slope, -slope], margin: z }
}

/** SimPO: means over tokens, and no reference. */
function byMeans(
  { beta, targetMargin = 0, chosenWeight = 0 }: Preference,
  chosen: Answer,
  rejected: Answer,
  chosenSum: number,
  rejectedSum: number,
): Judged {
  const mean = chosenSum / chosen.count
  const margin = beta * (mean - rejectedSum / rejected.count)
  const z = margin - targetMargin
  const slope = -beta * sigmoid(-z)
  const slopes = [(slope - chosenWeight) / chosen.count, -slope / rejected.count]
  return { loss: softplus(-z) - chosenWeight * mean, slopes, margin }
}

/** ORPO: the chosen answer's own loss, and -λ · log σ of the log of the odds ratio. */
function byOdds(
  { beta }: Preference,
  chosen: Answer,
  rejected: Answer,
  chosenSum: number,
  rejectedSum: number,
): Judged {
  const [better, worse] = [chosenSum / chosen.count, rejectedSum / rejected.count]
  const [betterRest, worseRest] = [improbability(better), improbability(worse)]
  const z = better - worse - (logDouble(betterRest) - logDouble(worseRest))
  const slope = -beta * sigmoid(-z)
  const slopes = [(slope / betterRest - 1) / chosen.count, -slope / worseRest / rejected.count]
  return { loss: beta * softplus(-z) - better, slopes, margin: beta * (better - worse) }
}

/** 1 - e^x, above 0 where an answer has all of the probability, so that its odds stay finite. */
function improbability(x: number): number {
  return Math.max(2 ** -52, 1 - expDouble(x))
}

/** KTO: λ · (1 - σ(±β · log ratio)), + of what is desirable. */
function rateOne(preference: Preference, { isRejected }: Answer, scores: Scores): Judged {
  const { beta, desirableWeight = 1, undesirableWeight = 1 } = preference
  const sign = isRejected ? -1 : 1
  const weight = isRejected ? undesirableWeight : desirableWeight
  const margin = sign * beta * ratioOf(scores)
  const loss = weight * sigmoid(-margin)
  return { loss, slopes: [-sign * beta * loss * sigmoid(margin)], margin }
}

/** log(1 + e^x) */
function softplus(x: number): number {
  return Math.max(0, x) + logDouble(1 + expDouble(-Math.abs(x)))
}

function sigmoid(x: number): number {
  const e = expDouble(-Math.abs(x))
  return x >= 0 ? 1 / (1 + e) : e / (1 + e)
}
