/**
 * The run for Prometheus: what the read model counts, under names that keep their meaning. Counters
 * start from the journal, so a coordinator that starts again goes on from where it was.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { RoundRow, RunRow } from './rows.ts'

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
    // Read when scraped: the read model is the one place that counts.
    Object.assign(metric, {
      collect() {
        metric.reset()
        for (const [value, labels = {}] of read()) metric.inc(labels, value)
      },
    })
  }

  const { runId, name, base } = run
  add('gauge', 'run_info', 'The run, always 1', () => [[1, { run_id: runId, name, base }]], [
    ...['run_id', 'name', 'base'],
  ])
  add('gauge', 'phase', '1 for the phase that the run is in', () => [[1, { phase: run.phase }]], [
    'phase',
  ])
  add('gauge', 'round', 'Rounds merged', () => [[run.round]])
  add('gauge', 'rounds_max', 'Rounds after which the run ends', () => [[run.roundsMax]])
  add('gauge', 'batches_max', 'Batches after which it ends', () => [[run.batchesMax]])
  add('gauge', 'volunteers', 'Volunteers that are here', () => [[run.hereCount]])
  add('gauge', 'learning_rate', 'Of the round', () => [[run.learningRate]])
  add('gauge', 'journal_sequence', 'Newest entry of the journal', () => [[run.seq]])
  add('counter', 'batches_counted_total', 'Batches merged', () => [[run.batchesCounted]])
  add('counter', 'tokens_counted_total', 'Tokens merged', () => [[run.countedTokens]])
  add('counter', 'contributions_counted_total', 'Contributions', () => [[run.contributions]])
  add('counter', 'uploaded_bytes_total', 'Of stored payloads', () => [[run.uploadedBytes]])
  add(
    ...(['counter', 'leases_total', 'Leases that reached a state'] as const),
    () => Object.entries(run.reached).map(([state, count]) => [count, { state }] as const),
    ['state'],
  )
  add(
    ...(['counter', 'refusals_total', 'Requests refused since this process started'] as const),
    () => Object.entries(run.refusals).map(([refusal, count]) => [count, { refusal }] as const),
    ['refusal'],
  )
  add('gauge', 'train_loss', 'Mean over the tokens of the latest merged round', () =>
    latest(rounds(), 'trainLoss'),
  )
  add('gauge', 'held_out_loss', 'Of the latest adapter measured', () =>
    latest(rounds(), 'heldOutLoss'),
  )
  add('gauge', 'base_held_out_loss', 'Of the base model', () => {
    const loss = rounds().find(({ round }) => round === 0)?.heldOutLoss ?? null
    return loss === null ? [] : [[loss]]
  })
  return { contentType: registry.contentType, scrape: () => registry.metrics() }
}

function latest(rounds: RoundRow[], field: 'trainLoss' | 'heldOutLoss'): Sample[] {
  const loss = rounds.findLast((row) => row[field] !== null)?.[field] ?? null
  return loss === null ? [] : [[loss]]
}
