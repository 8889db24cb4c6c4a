/**
 * What a run's losses mean, in a word and in a sentence. Pure: pages, `status`, `watch` and the
 * metrics all say the same.
 */
import {
  costOf,
  metricOf,
  ratedWords,
  type ScoreMetric,
  type Scores,
} from '../../protocol/index.ts'
import type { RoundRow } from './rows.ts'

export interface MeasuredAdapter {
  /** The adapter after so many rounds; 0 is the base. */
  round: number
  /** Loss on the held-out text, in nats per token. */
  loss: number
  /**
   * What the organiser goes by, the least being best: that loss, or the share of answers that are
   * not right; null: the adapter has no such score.
   */
  cost: number | null
  /** Training loss of the round that made it; null: it is not known, or this is the base. */
  trainLoss: number | null
  /** Loss on text that has nothing to do with the run's; null: it was not measured. */
  generalLoss: number | null
  /** Where answers are rated, the share with a margin above 0, and the mean margin; else null. */
  accuracy: number | null
  margin: number | null
}

export type Course =
  | 'unmeasured'
  /** The base is measured, and no adapter is. */
  | 'begun'
  | 'learning'
  | 'level'
  /** An earlier adapter was better, and the training loss does not show it. */
  | 'overfitting'
  /** An earlier adapter was better, and the training loss has risen too. */
  | 'diverging'
  /** No adapter is as good as the base. */
  | 'worse'

export interface Verdict {
  course: Course
  /** The round whose adapter is to be kept; null: there is none. */
  best: number | null
  reason: string
  /** Whether the latest adapter still knows general text; null: that was not measured. */
  memory: { forgets: boolean; reason: string } | null
}

/** A loss that changes by less than this share has not changed. */
const LEVEL_SHARE = 0.005
/** A held-out loss wavers from round to round; what is this share above the best, has risen. */
const RISE_SHARE = 0.02
/** General text is forgotten where its loss has risen by this share: nobody notices less. */
const FORGETTING_SHARE = 0.03

/** @param measured in any order; round 0 is the base */
export function judge(measured: readonly MeasuredAdapter[]): Verdict {
  const verdict = verdictsOf(measured).at(-1)
  if (verdict !== undefined) return verdict
  const reason = 'Nothing has been measured yet.'
  return { course: 'unmeasured', best: null, reason, memory: null }
}

/** The verdict after each round that was measured, as the rounds up to it give it. */
export function verdictsOf(measured: readonly MeasuredAdapter[]): (Verdict & { round: number })[] {
  const [base, ...adapters] = measured.toSorted((a, b) => a.round - b.round)
  if (base === undefined || base.round > 0) return []
  let lowest: MeasuredAdapter | null = null
  let kept: MeasuredAdapter | null = null
  const later = adapters.map((latest) => {
    lowest = lowest === null || latest.loss < lowest.loss ? latest : lowest
    if (latest.cost !== null && (kept === null || latest.cost < kept.cost!)) kept = latest
    return { round: latest.round, ...verdictOf({ base, lowest, kept, latest }) }
  })
  const what = base.accuracy === null ? 'text' : 'answers'
  const reason = `Nothing is learned yet: ${figureOf(base)} on held-out ${what} before round 1.`
  return [{ round: 0, course: 'begun', best: null, reason, memory: null }, ...later]
}

interface Compared {
  base: MeasuredAdapter
  /** The adapter with the least held-out loss. */
  lowest: MeasuredAdapter
  /** The best by what the organiser goes by; null: none is measured by that. */
  kept: MeasuredAdapter | null
  latest: MeasuredAdapter
}

function verdictOf(compared: Compared): Verdict {
  const { base, lowest, kept, latest } = compared
  const course = courseOf(base, lowest, latest)
  return {
    course,
    best: kept?.round ?? null,
    reason: reasonOf(course, compared),
    memory: memoryOf(base, latest),
  }
}

function courseOf(
  base: MeasuredAdapter,
  best: MeasuredAdapter,
  latest: MeasuredAdapter,
): keyof typeof COURSE_WORDS {
  const hasRisen = latest.loss > best.loss * (1 + RISE_SHARE)
  if (hasRisen && best.loss < base.loss) {
    const [before, now] = [best.trainLoss, latest.trainLoss]
    if (before === null || now === null) return 'overfitting'
    return now > before * (1 + RISE_SHARE) ? 'diverging' : 'overfitting'
  }
  const change = latest.loss / base.loss - 1
  if (change < -LEVEL_SHARE) return 'learning'
  return change > LEVEL_SHARE ? 'worse' : 'level'
}

const COURSE_WORDS = {
  learning: 'It is learning',
  level: 'No change',
  overfitting: 'It is overfitting',
  diverging: 'It has begun to diverge',
  worse: 'It is getting worse',
}

function reasonOf(
  course: keyof typeof COURSE_WORDS,
  { base, lowest, kept, latest }: Compared,
): string {
  const now = `the loss after round ${latest.round} is ${latest.loss.toFixed(3)}`
  const what = latest.accuracy === null ? 'text' : 'answers'
  const verdict = `${COURSE_WORDS[course]}: on ${what} that nobody trained on, ${now}`
  if (course !== 'overfitting' && course !== 'diverging') {
    const compared = compare(latest.loss, base.loss, 'what it began with,')
    return `${verdict}, ${compared} (${figureOf(base)} then, ${meaningOf(latest)} now).`
  }
  const compared = compare(latest.loss, lowest.loss, `round ${lowest.round}'s`)
  const cause =
    course === 'diverging' ? ' The training loss has risen too: lower the learning rate.' : ''
  if (kept === null) return `${verdict}, ${compared}.${cause}`
  const didBest = kept.cost === kept.loss ? 'did best' : 'has the best score'
  return (
    `${verdict}, ${compared}.${cause} Keep the adapter of round ${kept.round}, which ${didBest}: ` +
    'export and generate take it, unless they are given another round.'
  )
}

const figureOf = (measured: MeasuredAdapter): string =>
  `${measured.accuracy === null ? 'perplexity ' : ''}${meaningOf(measured)}`

/** What a loss of tokens means, and beside one of answers what else is measured of them. */
const meaningOf = ({ loss, accuracy, margin }: MeasuredAdapter): string =>
  accuracy === null ? Math.exp(loss).toFixed(2) : ratedWords({ accuracy, margin: margin ?? 0 })

function compare(loss: number, other: number, whose: string): string {
  const percent = Math.abs(100 * (loss / other - 1)).toFixed(1)
  return `${percent} % ${loss > other ? 'above' : 'below'} ${whose} ${other.toFixed(3)}`
}

function memoryOf(base: MeasuredAdapter, latest: MeasuredAdapter): Verdict['memory'] {
  const [before, after] = [base.generalLoss, latest.generalLoss]
  if (before === null || after === null) return null
  const forgets = after > before * (1 + FORGETTING_SHARE)
  const words = forgets ? 'It forgets' : 'It keeps what it knew'
  const figures = `general text ${before.toFixed(2)} → ${after.toFixed(2)}`
  return { forgets, reason: `${words}: ${figures}.` }
}

/** @param metric by which the best is told; left out: by the held-out loss */
export function measuredOf(rows: Iterable<RoundRow>, metric?: ScoreMetric): MeasuredAdapter[] {
  const measured: MeasuredAdapter[] = []
  const ordered = [...rows].sort((a, b) => a.round - b.round)
  for (const [index, row] of ordered.entries()) {
    const { round, heldOutLoss, generalLoss, accuracy, margin, scores } = row
    if (heldOutLoss === null) continue
    const trainLoss = ordered[index - 1]?.trainLoss ?? null
    const cost = adapterCost(heldOutLoss, scores, metric)
    measured.push({ round, loss: heldOutLoss, cost, trainLoss, generalLoss, accuracy, margin })
  }
  return measured
}

/** What an adapter is ranked by; null: it has no such score. */
export function adapterCost(
  loss: number,
  scores: Scores | undefined,
  metric: ScoreMetric | undefined,
): number | null {
  const field = metricOf(metric)
  if (field === null) return loss
  return scores === undefined ? null : costOf(scores, field)
}

/** The whole verdict in words. */
export function learningWords(measured: readonly MeasuredAdapter[]): string {
  const { reason, memory } = judge(measured)
  return memory === null ? reason : `${reason} ${memory.reason}`
}
