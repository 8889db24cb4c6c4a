/**
 * What is held out: sequences of a text, or examples. Pure, and a function of the seed alone.
 *
 * Held-out sequences come in blocks of neighbours: a single one between two that are trained on
 * would share their subject and names, and look easier than unseen text is. Neighbours overlap by
 * one id, the target of one and the first input of the next, so a held-out target is never a target
 * of training.
 */
import { prng, shuffle } from '../../protocol/index.ts'

/** Sequences in a block. */
export const HELD_OUT_BLOCK = 8

export interface Split {
  /** Shuffled: a volunteer's lease is a sample of the whole text. */
  train: number[]
  /** These are in the order of the text. */
  validation: number[]
}

/** Splits 0 to `count - 1` in blocks of neighbours; exactly `validationCount` are held out. */
export function splitInBlocks(
  count: number,
  validationCount: number,
  seed: number,
  size = HELD_OUT_BLOCK,
): Split {
  const random = prng(seed)
  const blocks = shuffle(random, range(Math.ceil(count / size)))
  const drawn = blocks.flatMap((block) =>
    range(Math.min(size, count - block * size)).map((index) => block * size + index),
  )
  return {
    validation: drawn.slice(0, validationCount).sort((a, b) => a - b),
    train: shuffle(random, drawn.slice(validationCount)),
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
