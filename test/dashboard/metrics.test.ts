/** What Prometheus scrapes agrees with the state that the journal gives. */
import { expect, test } from 'vitest'
import { createMetrics } from '../../node/dashboard/metrics.ts'
import type { LeaseId } from '../../protocol/messages.ts'
import { SCORE_NAMES } from '../../protocol/scores.ts'
import { transcriptsOf } from '../coordinator/transcript.ts'
import { type Decided, playTranscript } from '../history/transcript-events.ts'

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

/** Counted here from what came and what was said, with nothing of the read model's. */
function createTally() {
  const refusals = new Map<string, number>()
  const bytesOf = new Map<LeaseId, number>()
  const tally = { uploadedBytes: 0, leased: 0, committed: 0, stored: 0, counted: 0, refusals }
  return {
    tally,
    add({ event, accepted, effects }: Decided): void {
      for (const effect of effects) {
        if (effect.type !== 'reply') continue
        // The same lease may be given twice.
        if (effect.reply.type === 'leased' && accepted) tally.leased += 1
        if (effect.reply.type !== 'refused') continue
        const { refusal } = effect.reply
        refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1)
      }
      if (!accepted) return
      if (event.type === 'payload-stored') {
        tally.stored += 1
        tally.uploadedBytes += bytesOf.get(event.leaseId)!
      }
      if (event.type !== 'request' || event.request.type !== 'commit') return
      // One with a wrong signature is accepted too: it costs its sender a strike.
      if (!event.genuine) return
      tally.committed += 1
      bytesOf.set(event.request.contribution.leaseId, event.request.contribution.payload.bytes)
    },
  }
}

for (const name of transcriptsOf('coordinator')) {
  test(`${name}: the metrics and the journal's counters agree`, async () => {
    const { tally, add } = createTally()
    const { model } = playTranscript(name, { onEvent: (_, decided) => add(decided) })
    // The state of a replay, which has seen nothing but the journal.
    const { state } = playTranscript(name, { journalOnly: true })
    const rounds = () => model.changesFrom(null).rounds
    const scraped = parseScrape(await createMetrics({ run: model.run, rounds }).scrape())
    const contributions = [...state.records.values()].reduce(
      (sum, each) => sum + each.credit.contributions,
      0,
    )
    const ended = tally.leased - state.leases.size
    const expected = {
      barnraise_tokens_counted_total: state.tokensCounted,
      barnraise_batches_counted_total: state.batchesCounted,
      barnraise_contributions_counted_total: contributions,
      barnraise_uploaded_bytes_total: tally.uploadedBytes,
      'barnraise_leases_total{state="leased"}': tally.leased,
      'barnraise_leases_total{state="committed"}': tally.committed,
      'barnraise_leases_total{state="stored"}': tally.stored,
      'barnraise_leases_total{state="counted"}': contributions,
      barnraise_round: state.round.start.round,
      [`barnraise_phase{phase="${state.phase}"}`]: 1,
    }
    const endedAs = (how: string) => scraped.get(`barnraise_leases_total{state="${how}"}`)!
    expect(endedAs('rejected') + endedAs('lost'), 'came to nothing').toBe(ended - contributions)
    for (const [metric, value] of Object.entries(expected)) {
      expect(scraped.get(metric), metric).toBe(value)
    }
    const refused = [...scraped].filter(([metric]) => metric.startsWith('barnraise_refusals_total'))
    expect(new Map(refused)).toEqual(
      new Map(
        [...tally.refusals].map(([refusal, count]) => [
          `barnraise_refusals_total{refusal="${refusal}"}`,
          count,
        ]),
      ),
    )
    // What was not measured has no sample.
    const evaluation = state.evaluations.at(-1)
    expect(scraped.get('barnraise_held_out_loss')).toBe(evaluation?.loss)
    expect(scraped.get('barnraise_general_loss')).toBe(evaluation?.generalLoss)
    const scored = state.scores.at(-1)
    for (const [field, score] of SCORE_NAMES) {
      expect(scraped.get(`barnraise_${score}`), score).toBe(scored?.[field])
    }
  })
}
