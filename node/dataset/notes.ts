/** What an organiser should hear of the data before a run begins: what is left out, and why. */
import { counted } from '../../protocol/index.ts'
import { type LeftOut, listed } from './left-out.ts'
import { exampleLengthMax } from './pack.ts'
import type { PreparedDataset } from './prepare.ts'

const REPEATED = "set 'dataset_exact_deduplication: true' to leave what is repeated out"

/** Sentences; none where everything is learned as it should be. */
export function notesOf(dataset: PreparedDataset): string[] {
  const { config, dropped, wholeConversations, shortened, copies, repeats, aside } = dataset
  const { unwritten, strangers } = dataset
  const isStream = config.layout === 'stream'
  const lengthMax = exampleLengthMax(config.layout, config.sequenceLength)
  const notes: [what: LeftOut, one: string, several: string, said: string][] = [
    [dropped.files, 'file is', 'files are', 'not read'],
    [dropped.bad, 'row is', 'rows are', "left out, as 'skip_bad_rows' says"],
    [dropped.empty, 'example is', 'examples are', 'left out, with nothing to learn'],
    [
      dropped.long,
      'example is',
      'examples are',
      `left out, longer than ${lengthMax} tokens: raise 'sequence_len', ` +
        "or set 'excess_length_strategy: truncate'",
    ],
    [
      dropped.alike,
      'pair is',
      'pairs are',
      `left out, with answers that are alike in their first ${lengthMax} tokens: ` +
        "raise 'sequence_len'",
    ],
    [shortened, 'example loses', 'examples lose', `what is after ${lengthMax} tokens`],
    [
      wholeConversations,
      'example is',
      'examples are',
      'learned with what is asked, too, as the chat template does not show where answers lie',
    ],
    [dropped.repeated, 'example is', 'examples are', 'left out, there already word for word'],
    [
      copies,
      'held-out example is',
      'held-out examples are',
      `trained on, too, word for word, so the held-out loss looks better than it is: ${REPEATED}`,
    ],
    [
      repeats,
      isStream ? 'text is' : 'example is',
      isStream ? 'texts are' : 'examples are',
      'there more than once' +
        (isStream ? ', so the held-out loss may look better than it is' : '') +
        (copies.count > 0 ? '' : `: ${REPEATED}`),
    ],
  ]
  const sentences = notes
    .filter(([{ count }]) => count > 0)
    .map(([what, one, several, said]) => {
      const counted = what.count === 1 ? `1 ${one}` : `${what.count} ${several}`
      return `${counted} ${said} (${listed(what)})`
    })
  sentences.push(...heldOutNotes(dataset), ...epochNotes(dataset))
  if (aside.length > 0) sentences.push(`Left aside of the rows: ${aside.join(', ')}`)
  if (unwritten.length > 0) {
    sentences.push(`Not written by the chat template: ${unwritten.join(', ')}`)
  }
  if (strangers.length > 0) {
    sentences.push(`Read, and not learned, as it is no assistant's: what ${quoted(strangers)} say`)
  }
  return sentences
}

/** Examples are held out whole, and of very different lengths a few may be most of the text. */
function heldOutNotes({ config, validationSize }: PreparedDataset): string[] {
  const { trainSequences: train, validationSequences: held } = config
  if (validationSize === 0) {
    return [`${counted(held, 'sequence')} is held out all the same, to tell whether it learns`]
  }
  const share = held / (train + held)
  if (held === 1 || share <= 2 * validationSize) return []
  const percent = (of: number) => `${Math.round(100 * of)} %`
  return [
    `${percent(share)} of the sequences are held out, where 'val_set_size' asks for ` +
      `${percent(validationSize)} of the examples: some are far longer than others`,
  ]
}

function epochNotes({ config, onceSequences: once }: PreparedDataset): string[] {
  if (once === null) return []
  const all = counted(config.trainSequences, 'sequence')
  return [`An epoch has ${all} as 'weight' has it, and ${once} with each of them once`]
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ')
