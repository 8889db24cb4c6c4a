/**
 * The run for Prometheus: what the read model counts, under names that keep their meaning. Counters
 * start from the journal, so a coordinator that starts again goes on from where it was.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { SCORE_NAMES } from '../../protocol/index.ts'
import type { RoundRow, RunRow } from '../history/rows.ts'
import { judge, measuredOf } from '../history/verdict.ts'

export interface Metrics {
  readonly contentType: string
  /** The text of a scrape. */
  scrape(): Promise<string>
}

/** What a scrape reads. */
export interface Measured {
  run: RunRow
  /** The newest rounds, oldest first. */
  rounds(): RoundRow[]
}

type Sample = readonly [value: number, labels?: Record<string, string>]

export function createMetrics({ run, rounds }: Measured): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'barnraise_' })

  function add(
    kind: 'counter' | 'gauge',
    name: string,
    help: string,
    read: () => Iterable<Sample>,
    labelNames: string[] = [],
  ): void {
    const options = { name: `barnraise_${name}`, help, labelNames, registers: [registry] }
    const metric = kind === 'counter' ? new Counter(options) : new Gauge(options)
    // Values are read when they are scraped: the read model is the one place that counts.
    Object.assign(metric, {
      collect() {
        metric.reset()
        // Without labels it is reset to 0, which would be a figure: what is not known has none.
        if (labelNames.length === 0) metric.remove()
        for (const [value, labels = {}] of read()) metric.inc(labels, value)
      },
    })
  }

  const { runId, name, base } = run
  add('gauge', 'run_info', 'The run, always 1', () => [[1, { run_id: runId, name, base }]], [
    'run_id',
    'name',
    'base',
  ])
  add('gauge', 'phase', '1 for the phase that the run is in', () => [[1, { phase: run.phase }]], [
    'phase',
  ])
  add('gauge', 'round', 'Rounds merged', () => [[run.round]])
  const { roundsMax } = run
  if (roundsMax !== null) {
    add('gauge', 'rounds_max', 'Rounds after which the run ends', () => [[roundsMax]])
  }
  add('gauge', 'batches_max', 'Batches after which it ends', () => [[run.batchesMax]])
  add('gauge', 'volunteers', 'Volunteers that are here', () => [[run.hereCount]])
  add('gauge', 'learning_rate', 'Of the round', () => [[run.learningRate]])
  add('gauge', 'journal_sequence', 'Newest entry of the journal', () => [[run.seq]])
  add('counter', 'batches_counted_total', 'Batches merged', () => [[run.batchesCounted]])
  add('counter', 'tokens_counted_total', 'Tokens merged', () => [[run.countedTokens]])
  add('counter', 'contributions_counted_total', 'Contributions', () => [[run.contributions]])
  add('counter', 'uploaded_bytes_total', 'Of stored payloads', () => [[run.uploadedBytes]])
  add('counter', 'base_sent_bytes_total', 'Of the base, to volunteers', () => [[run.baseBytesSent]])
  add(
    'counter',
    'leases_total',
    'Leases that reached a state',
    () => Object.entries(run.reached).map(([state, count]) => [count, { state }] as const),
    ['state'],
  )
  add(
    'counter',
    'refusals_total',
    'Requests refused since this process started',
    () => Object.entries(run.refusals).map(([refusal, count]) => [count, { refusal }] as const),
    ['refusal'],
  )
  add('counter', 'merges_refused_total', 'Merges that raised the held-out loss too far', () => [
    [run.mergesRefused],
  ])
  add('gauge', 'train_loss', 'Mean over the tokens of the latest merged round', () =>
    latest(rounds(), 'trainLoss'),
  )
  add('gauge', 'held_out_loss', 'Of the latest adapter measured', () =>
    latest(rounds(), 'heldOutLoss'),
  )
  add('gauge', 'held_out_accuracy', 'Share of held-out answers with a margin above 0', () =>
    latest(rounds(), 'accuracy'),
  )
  add('gauge', 'held_out_margin', 'Mean margin of held-out answers', () =>
    latest(rounds(), 'margin'),
  )
  add('gauge', 'base_held_out_loss', 'Before round 1', () => ofBase(rounds(), 'heldOutLoss'))
  add('gauge', 'general_loss', "Of the same adapter, on text that is none of the run's", () =>
    latest(rounds(), 'generalLoss'),
  )
  add('gauge', 'base_general_loss', 'Before round 1, on the same text', () =>
    ofBase(rounds(), 'generalLoss'),
  )
  add('gauge', 'best_round', 'The round whose adapter is the best so far', () =>
    sampleOf(judge(measuredOf(rounds(), run.metric)).best),
  )
  const scored = () => rounds().flatMap(({ scores }) => (scores === undefined ? [] : [scores]))
  for (const [field, name] of SCORE_NAMES) {
    const help = "Of the latest adapter scored on the run's questions or prompts, from 0 to 1"
    add('gauge', name, help, () => sampleOf(scored().at(-1)?.[field]))
  }
  return { contentType: registry.contentType, scrape: () => registry.metrics() }
}

type Figure = 'trainLoss' | 'heldOutLoss' | 'generalLoss' | 'accuracy' | 'margin'

function latest(rounds: RoundRow[], field: Figure): Sample[] {
  return sampleOf(rounds.findLast((row) => row[field] !== null)?.[field])
}

function ofBase(rounds: RoundRow[], field: Figure): Sample[] {
  return sampleOf(rounds.find(({ round }) => round === 0)?.[field])
}

/** What is not known has no sample. */
function sampleOf(value: number | null | undefined): Sample[] {
  return typeof value === 'number' ? [[value]] : []
}
