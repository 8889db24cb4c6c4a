/**
 * Tokenised examples side by side in sequences of S tokens, so that little of a sequence is
 * padding. Each example sees itself alone, wherever it lies. First fit among the last sequences
 * that have room, in the order of the examples: the same examples make the same sequences.
 *
 * A token's target is the one that follows it in its example, where that is learned. Texts that are
 * longer than a sequence are cut into several; what answers a prompt cannot be, and is left out, or
 * loses its end. Answers that are rated together lie in one sequence, and each has half of it.
 */
import type { Layout, SequenceToWrite } from './shards.ts'
import type { TokenisedExample } from './tokenise.ts'

/** Sequences that still take examples: more would fill little better, and take longer. */
const OPEN_MAX = 64

export type LongExamples = 'drop' | 'truncate'

type Piece = Pick<TokenisedExample, 'ids' | 'learned'> & { isRejected?: boolean }

/** Tokens of an example, or of an answer with its prompt: two answers share a sequence. */
export const exampleLengthMax = (layout: Layout, sequenceLength: number): number =>
  layout === 'answers' ? sequenceLength / 2 : sequenceLength

/**
 * What of an example goes into sequences of `sequenceLength`, each group into one: none where it is
 * left out.
 */
export function piecesOf(
  { type, ids, learned, answers }: TokenisedExample,
  sequenceLength: number,
  longExamples: LongExamples,
): Piece[][] {
  if (answers !== undefined) {
    const pieces = answersOf(
      { ids, learned },
      answers,
      exampleLengthMax('answers', sequenceLength),
      longExamples,
    )
    return pieces.includes(null) ? [] : [pieces as Piece[]]
  }
  const room = sequenceLength + 1
  if (type !== 'text') {
    const piece = shortened({ ids, learned }, room, longExamples)
    return piece === null ? [] : [[piece]]
  }
  const count = Math.max(1, Math.ceil((ids.length - 1) / sequenceLength))
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [i * sequenceLength, Math.min(ids.length, (i + 1) * sequenceLength + 1)]
    return [{ ids: ids.subarray(from, to), learned: learned.subarray(from, to) }]
  })
}

/** The first `room` ids; null where those are not to be had, or nothing of them is learned. */
function shortened({ ids, learned }: Piece, room: number, longExamples: LongExamples) {
  if (ids.length <= room) return { ids, learned }
  const cut = { ids: ids.subarray(0, room), learned: learned.subarray(0, room) }
  return longExamples === 'truncate' && cut.learned.includes(1, 1) ? cut : null
}

function answersOf(
  { ids, learned }: Piece,
  answers: NonNullable<TokenisedExample['answers']>,
  room: number,
  longExamples: LongExamples,
): (Piece | null)[] {
  let end = 0
  return answers.map(({ length, isRejected }) => {
    const [from, to] = [end, end + length]
    end = to
    const whole = { ids: ids.subarray(from, to), learned: learned.subarray(from, to) }
    const piece = shortened(whole, room, longExamples)
    return piece && { ...piece, isRejected }
  })
}

/**
 * @param groups pieces that are to lie in one sequence, one after the other
 * @param padding the id that fills what is left
 */
export function pack(
  groups: readonly (readonly Piece[])[],
  sequenceLength: number,
  padding: number,
): SequenceToWrite[] {
  const sequences: { written: SequenceToWrite; used: number }[] = []
  let firstOpen = 0
  for (const group of groups) {
    const length = group.reduce((sum, { ids }) => sum + ids.length, 0)
    // S + 1 ids: the last is a target alone.
    const fits = ({ used }: { used: number }) => used + length <= sequenceLength + 1
    let open = sequences.slice(firstOpen).find(fits)
    if (open === undefined) {
      open = { written: blank(sequenceLength, padding), used: 0 }
      sequences.push(open)
      firstOpen = Math.max(0, sequences.length - OPEN_MAX)
    }
    for (const piece of group) {
      put(open.written, open.used, piece)
      open.used += piece.ids.length
    }
  }
  return sequences.map(({ written, used }) => {
    // Padding sees itself alone, too.
    if (used < sequenceLength) written.starts[used] = 1
    return written
  })
}

function put(written: SequenceToWrite, at: number, { ids, learned, isRejected }: Piece): void {
  written.ids.set(ids, at)
  if (at < written.starts.length) {
    written.starts[at] = 1
    written.rejected[at] = isRejected === true ? 1 : 0
  }
  for (let i = 1; i < ids.length; i++) written.counted[at + i - 1] = learned[i]!
}

function blank(sequenceLength: number, padding: number): SequenceToWrite {
  return {
    ids: new Int32Array(sequenceLength + 1).fill(padding),
    counted: new Uint8Array(sequenceLength),
    starts: new Uint8Array(sequenceLength),
    rejected: new Uint8Array(sequenceLength),
  }
}
