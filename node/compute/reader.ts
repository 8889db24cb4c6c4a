/**
 * A model that reads and writes: continues a text, says how likely a text is. What the context
 * holds already is not computed again, so the next turn of a talk costs what is new in it.
 */

import type { Generator as TextGenerator } from '../../kernels/index.ts'
import { nextFraction, prng } from '../../protocol/index.ts'
import { drawToken } from './sample.ts'
import type { GenerateInput, LogitsInput, ScoreInput, ScoreOutput } from './task.ts'

/** Generators pause where their driver may look up: after each token written, each piece read. */
export interface Reader {
  /** Ids until `tokensMax` or a stop id; null while the prompt is being read. */
  generate(input: GenerateInput): Generator<number | null>
  /** The text in pieces, added up by the caller. */
  score(input: ScoreInput): Generator<ScoreOutput>
  /** Logits (V) after the last token. */
  logits(input: LogitsInput): Float32Array
}

/** Tokens read between two looks up. */
const PIECE_TOKENS = 128

export function createReader(generator: TextGenerator, contextMax: number): Reader {
  let adapter: Float32Array | null | undefined
  /** What the generator's context holds. */
  let context: number[] = []

  function useAdapter(wanted: Float32Array | null | undefined): void {
    if (wanted === undefined) {
      if (adapter === undefined) throw new Error('Invariant broken: no task had an adapter yet')
      return
    }
    if (isSame(adapter, wanted)) return
    // Until it is there, none is.
    adapter = undefined
    generator.load(wanted)
    adapter = wanted
    context = []
  }

  function rewind(length: number): void {
    generator.rewind(length)
    context = context.slice(0, length)
  }

  /** Makes the context `ids`, of which at least the last is read anew; returns its logits (V). */
  function* read(ids: readonly number[]): Generator<null, Float32Array> {
    let kept = 0
    while (kept < ids.length - 1 && context[kept] === ids[kept]) kept++
    rewind(kept)
    for (;;) {
      const piece = ids.slice(context.length, context.length + PIECE_TOKENS)
      const logits = generator.extend(Int32Array.from(piece))
      context.push(...piece)
      if (context.length === ids.length) return logits
      yield null
    }
  }

  return {
    *generate(input) {
      useAdapter(input.adapter)
      const { tokensMax, sampling, seed, stopIds } = input
      const random = prng(seed)
      let text = [...input.prompt].slice(-contextMax)
      for (let count = 0; count < tokensMax; count++) {
        // A full context forgets its older half, since every position of it changes anyway.
        if (text.length > contextMax) text = text.slice(-Math.ceil(contextMax / 2))
        const logits = yield* read(text)
        const id = drawToken(logits, sampling, nextFraction(random))
        if (stopIds.includes(id)) return
        yield id
        text.push(id)
      }
    },
    *score({ adapter: wanted, tokens, targets }) {
      useAdapter(wanted)
      // Choices behind one prompt read it once: of a token without a target nothing is asked.
      let kept = 0
      while (kept < tokens.length && targets[kept]! < 0 && context[kept] === tokens[kept]) kept++
      rewind(kept)
      if (kept > 0) yield { losses: new Float64Array(kept), hits: new Uint8Array(kept) }
      for (let at = kept; at < tokens.length; at += PIECE_TOKENS) {
        const end = at + PIECE_TOKENS
        const piece = tokens.subarray(at, end)
        const scores = generator.score(piece, targets.subarray(at, end))
        context.push(...piece)
        yield scores
      }
    },
    logits({ adapter: wanted, tokens }) {
      useAdapter(wanted)
      rewind(0)
      context = [...tokens]
      return generator.extend(tokens)
    },
  }
}

function isSame(a: Float32Array | null | undefined, b: Float32Array | null): boolean {
  if (a === undefined || a === null || b === null) return a === b
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
}
