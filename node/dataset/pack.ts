/**
 * Tokenised examples side by side in sequences of S tokens, so that little of a sequence is
 * padding. Each example sees itself alone, wherever it lies. First fit among the last sequences
 * that have room, in the order of the examples: the same examples make the same sequences.
 *
 * A token's target is the one that follows it in its example, where that is learned. Texts that are
 * longer than a sequence are cut into several; what answers a prompt cannot be, and is left out, or
 * loses its end.
 */
import type { SequenceToWrite } from './shards.ts'
import type { TokenisedExample } from './tokenise.ts'

/** Sequences that still take examples: more would fill little better, and take longer. */
const OPEN_MAX = 64

export type LongExamples = 'drop' | 'truncate'

type Piece = Pick<TokenisedExample, 'ids' | 'learned'>

/** What of an example goes into sequences of `sequenceLength`: none where it is left out. */
export function piecesOf(
  { type, ids, learned }: TokenisedExample,
  sequenceLength: number,
  longExamples: LongExamples,
): Piece[] {
  const room = sequenceLength + 1
  if (ids.length <= room) return [{ ids, learned }]
  if (type !== 'text') {
    const cut = { ids: ids.subarray(0, room), learned: learned.subarray(0, room) }
    return longExamples === 'truncate' && cut.learned.includes(1, 1) ? [cut] : []
  }
  const count = Math.ceil((ids.length - 1) / sequenceLength)
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * sequenceLength, Math.min(ids.length, (i + 1) * sequenceLength + 1)]
    return { ids: ids.subarray(from, to), learned: learned.subarray(from, to) }
  })
}

/** @param padding the id that fills what is left */
export function pack(
  pieces: readonly Piece[],
  sequenceLength: number,
  padding: number,
): SequenceToWrite[] {
  const sequences: { written: SequenceToWrite; used: number }[] = []
  let firstOpen = 0
  for (const { ids, learned } of pieces) {
    // S + 1 ids: the last is a target alone.
    const fits = ({ used }: { used: number }) => used + ids.length <= sequenceLength + 1
    let open = sequences.slice(firstOpen).find(fits)
    if (open === undefined) {
      open = { written: blank(sequenceLength, padding), used: 0 }
      sequences.push(open)
      firstOpen = Math.max(0, sequences.length - OPEN_MAX)
    }
    const { written, used } = open
    written.ids.set(ids, used)
    if (used < sequenceLength) written.starts[used] = 1
    for (let i = 1; i < ids.length; i++) written.counted[used + i - 1] = learned[i]!
    open.used += ids.length
  }
  return sequences.map(({ written, used }) => {
    // Padding sees itself alone, too.
    if (used < sequenceLength) written.starts[used] = 1
    return written
  })
}

function blank(sequenceLength: number, padding: number): SequenceToWrite {
  return {
    ids: new Int32Array(sequenceLength + 1).fill(padding),
    counted: new Uint8Array(sequenceLength),
    starts: new Uint8Array(sequenceLength),
  }
}
