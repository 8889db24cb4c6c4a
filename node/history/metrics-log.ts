/**
 * The figures of a run by round, for those who look at them with tools of their own: a line of JSON
 * a round in `metrics.jsonl`, and the same for TensorBoard. What the journal tells is written anew
 * when the run is hosted again.
 */
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SCORE_NAMES, type ScoreMetric, type Scores } from '../../protocol/index.ts'
import { firstRecord, type Scalars, scalarsRecord } from './event-file.ts'
import type { RoundRow } from './rows.ts'
import { type Course, measuredOf, verdictsOf } from './verdict.ts'

export const METRICS_FILE = 'metrics.jsonl'
/** Where the run has questions or prompts of its own. */
export const SCORES_FILE = 'scores.jsonl'
/** TensorBoard knows its files by the word in the middle. */
export const EVENTS_FILE = join('tensorboard', 'events.out.tfevents.barnraise')

export interface RoundMetrics {
  /** The adapter after so many rounds. */
  round: number
  /** Milliseconds since 1970. */
  at: number
  /** Counted so far. */
  tokens: number
  heldOutLoss: number
  /** The loss on text that has nothing to do with the run's; null: it was not measured. */
  generalLoss: number | null
  /**
   * Where answers are rated: the share of the held-out ones with a margin above 0, and the mean
   * margin; null elsewhere.
   */
  heldOutAccuracy: number | null
  heldOutMargin: number | null
  /** What the losses up to this round mean, and which round's adapter is to be kept. */
  course: Course
  bestRound: number | null
  /**
   * This and what follows are of the round that made the adapter; `seconds` is from first lease to
   * merge.
   */
  trainLoss: number | null
  contributions: number
  uploadedBytes: number
  seconds: number | null
}

/** A line of `scores.jsonl`: scores come when they are ready, after all else of a round. */
export interface RoundScoreMetrics extends Scores {
  /** The adapter after so many rounds. */
  round: number
  /** Milliseconds since 1970, when the adapter was made. */
  at: number
}

/** Every adapter that has scores, in the order of rounds. */
export function scoreMetricsOf(rows: readonly RoundRow[]): RoundScoreMetrics[] {
  const rounds = [...rows].sort((a, b) => a.round - b.round)
  return rounds.flatMap(({ round, scores, startedAt }, index) => {
    if (scores === undefined) return []
    return [{ round, at: rounds[index - 1]?.mergedAt ?? startedAt ?? 0, ...scores }]
  })
}

/** Every adapter that is evaluated, in the order of rounds. */
export function metricsOf(rows: readonly RoundRow[], metric?: ScoreMetric): RoundMetrics[] {
  const rounds = [...rows].sort((a, b) => a.round - b.round)
  let tokens = 0
  let before: RoundRow | null = null
  const metrics: RoundMetrics[] = []
  const verdicts = new Map(
    verdictsOf(measuredOf(rows, metric)).map((verdict) => [verdict.round, verdict]),
  )
  for (const row of rounds) {
    tokens += before?.tokens ?? 0
    if (row.heldOutLoss !== null) {
      const { course, best } = verdicts.get(row.round) ?? { course: 'unmeasured', best: null }
      const [from, to] = [before?.startedAt ?? null, before?.mergedAt ?? null]
      metrics.push({
        round: row.round,
        at: to ?? row.startedAt ?? 0,
        tokens,
        heldOutLoss: row.heldOutLoss,
        generalLoss: row.generalLoss,
        heldOutAccuracy: row.accuracy,
        heldOutMargin: row.margin,
        course,
        bestRound: best,
        trainLoss: before?.trainLoss ?? null,
        contributions: before?.contributions ?? 0,
        uploadedBytes: before?.uploadedBytes ?? 0,
        seconds: from === null || to === null ? null : (to - from) / 1000,
      })
    }
    before = row
  }
  return metrics
}

/** What is known of a run. */
export interface MetricsSource {
  rounds: readonly RoundRow[]
  metric: ScoreMetric | undefined
}

export interface MetricsLog {
  /** Writes those that are not written yet. */
  update(known: MetricsSource): Promise<void>
  /** Once what was asked for is done, whether it worked or not. */
  written(): Promise<void>
}

export async function createMetricsLog(root: string, known: MetricsSource): Promise<MetricsLog> {
  const [lines, scores, events] = [METRICS_FILE, SCORES_FILE, EVENTS_FILE].map((name) =>
    join(root, name),
  ) as [string, string, string]
  const [first] = metricsOf(known.rounds, known.metric)
  await mkdir(join(root, 'tensorboard'), { recursive: true })
  await writeFile(lines, '')
  await rm(scores, { force: true })
  await writeFile(events, firstRecord((first?.at ?? 0) / 1000))
  /** The last round in each file. */
  const written = { metrics: -1, scores: -1 }
  let last: Promise<void> = Promise.resolve()
  async function add({ rounds, metric }: MetricsSource): Promise<void> {
    for (const one of metricsOf(rounds, metric)) {
      if (one.round <= written.metrics) continue
      await appendFile(lines, `${JSON.stringify(one)}\n`)
      await appendFile(events, scalarsRecord(scalarsOf(one)))
      written.metrics = one.round
    }
    for (const one of scoreMetricsOf(rounds)) {
      if (one.round <= written.scores) continue
      await appendFile(scores, `${JSON.stringify(one)}\n`)
      await appendFile(events, scalarsRecord(scoreScalarsOf(one)))
      written.scores = one.round
    }
  }
  const update = (source: MetricsSource) => {
    last = last.catch(() => {}).then(() => add(source))
    return last
  }
  await update(known)
  return { update, written: () => last.catch(() => {}) }
}

function scoreScalarsOf({ at, round, ...scores }: RoundScoreMetrics): Scalars {
  const known = SCORE_NAMES.flatMap(([field, name]): [string, number][] => {
    const share = scores[field]
    return share === undefined ? [] : [[`score/${name}`, share]]
  })
  return { seconds: at / 1000, step: round, values: Object.fromEntries(known) }
}

function scalarsOf(metrics: RoundMetrics): Scalars {
  const values: [tag: string, value: number | null][] = [
    ['loss/held out', metrics.heldOutLoss],
    ['loss/general text', metrics.generalLoss],
    ['preference/held-out accuracy', metrics.heldOutAccuracy],
    ['preference/held-out margin', metrics.heldOutMargin],
    ['loss/train', metrics.trainLoss],
    ['run/tokens', metrics.tokens],
    ['run/contributions', metrics.contributions],
    ['run/uploaded bytes', metrics.uploadedBytes],
    ['run/seconds a round', metrics.seconds],
  ]
  const known = values.filter((entry): entry is [string, number] => entry[1] !== null)
  return { seconds: metrics.at / 1000, step: metrics.round, values: Object.fromEntries(known) }
}
