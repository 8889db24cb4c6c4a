/** What Prometheus scrapes agrees with the state that the journal gives. */
import { expect, test } from 'vitest'
import { createMetrics } from '../../node/dashboard/metrics.ts'
import { transcriptsOf } from '../coordinator/transcript.ts'
import { playTranscript } from './transcript-events.ts'

/** Name with labels -> value, of one scrape. */
function parseScrape(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

for (const name of transcriptsOf('coordinator')) {
  test(`${name}: the metrics and the journal's counters agree`, async () => {
    const { model } = playTranscript(name)
    // The state of a replay, which has seen nothing but the journal.
    const { state } = playTranscript(name, { journalOnly: true })
    const rounds = () => model.changesFrom(null).rounds
    const scraped = parseScrape(await createMetrics({ run: model.run, rounds }).scrape())
    const expected = {
      barnraise_tokens_counted_total: state.tokensCounted,
      barnraise_batches_counted_total: state.batchesCounted,
      barnraise_contributions_counted_total: [...state.records.values()].reduce(
        (sum, { contributions }) => sum + contributions,
        0,
      ),
      'barnraise_leases_total{state="leased"}': state.nextLeaseId,
      barnraise_round: state.round.start.round,
      [`barnraise_phase{phase="${state.phase}"}`]: 1,
    }
    for (const [metric, value] of Object.entries(expected)) {
      expect(scraped.get(metric), metric).toBe(value)
    }
    const loss = state.evaluations.at(-1)?.loss
    if (loss !== undefined) expect(scraped.get('barnraise_held_out_loss')).toBe(loss)
  })
}
