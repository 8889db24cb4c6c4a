/** What an organiser should hear of the data before a run begins: what is left out, and why. */
import type { PreparedDataset } from './prepare.ts'

/** Sentences; none where everything is learned as it should be. */
export function notesOf({ config, dropped, wholeConversations }: PreparedDataset): string[] {
  const { emptyDocuments, longDocuments } = dropped
  const notes: [count: number, what: string][] = [
    [emptyDocuments, 'left out, with nothing to learn'],
    [
      longDocuments,
      `left out, longer than ${config.sequenceLength} tokens: raise 'sequence_len', ` +
        "or set 'excess_length_strategy: truncate'",
    ],
    [
      wholeConversations,
      'learned with what is asked, too, as the chat template does not show where answers lie',
    ],
  ]
  return notes.filter(([count]) => count > 0).map(([count, what]) => `${examples(count)} ${what}`)
}

const examples = (count: number) => (count === 1 ? '1 example is' : `${count} examples are`)
