/**
 * A micro-batch of answers that are rated: the reference and the model forward together, each
 * answer's log probability under both, what the loss makes of them, and back through the model with
 * each token's loss scaled by the derivative for its answer.
 */
import type { Buffers } from './buffers.ts'
import type { Decoder, MicroBatch } from './decoder.ts'
import type { Ops } from './ops.ts'
import {
  type Answer,
  hasReference,
  type Judgement,
  judge,
  type Preference,
  type Rated,
} from './preference.ts'

export interface RatedSums extends Judgement {
  lossSum: number
}

export const noneRated = (): RatedSums => ({ lossSum: 0, rated: 0, right: 0, marginSum: 0 })

/** What a rated micro-batch is worked off with. */
export interface RatedWork {
  ops: Ops
  buffers: Buffers
  decoder: Decoder
  preference: Preference
}

/**
 * Adds to `sums`, and scale · the gradient of the summed loss to buffers.gradient where scale is
 * not 0; false: given up on the way.
 */
export function rateMicroBatch(
  work: RatedWork,
  batch: MicroBatch,
  all: readonly Rated[],
  scale: number,
  sums: RatedSums,
): boolean {
  const { decoder, preference } = work
  const isReferred = hasReference(preference)
  const isForward = isReferred ? decoder.forwardBoth(batch) : decoder.forward(batch)
  if (!isForward || (isReferred && !decoder.score(batch, 'reference'))) return false
  const answers = all.flat()
  const reference = isReferred ? logProbabilities(work, batch, answers) : answers.map(() => 0)
  if (!decoder.score(batch, 'model')) return false
  const policy = logProbabilities(work, batch, answers)
  const slopes: number[] = []
  let at = 0
  for (const rated of all) {
    const own = rated.map((_, i) => ({ policy: policy[at + i]!, reference: reference[at + i]! }))
    at += rated.length
    const judged = judge(preference, rated, own)
    sums.lossSum += judged.loss
    sums.rated += 1
    sums.right += judged.margin > 0 ? 1 : 0
    sums.marginSum += judged.margin
    slopes.push(...judged.slopes)
  }
  if (scale === 0) return true
  setFactors(work, batch, answers, (answer) => -scale * slopes[answer]!)
  return decoder.backward(batch)
}

/** A left fold over each answer's tokens, in float64. */
function logProbabilities(
  { ops, buffers }: RatedWork,
  { T }: MicroBatch,
  answers: readonly Answer[],
): number[] {
  const losses = new Float64Array(ops.memory.buffer, buffers.scratch.losses, T)
  return answers.map(({ from, to }) => {
    let sum = 0
    for (let token = from; token < to; token++) sum -= losses[token]!
    return sum
  })
}

/** A token's loss is less its log probability, by which the slopes are. */
function setFactors(
  { ops, buffers }: RatedWork,
  { T }: MicroBatch,
  answers: readonly Answer[],
  factorOf: (answer: number) => number,
): void {
  const factors = new Float32Array(ops.memory.buffer, buffers.scratch.factors, T).fill(0)
  for (const [answer, { from, to }] of answers.entries()) factors.fill(factorOf(answer), from, to)
}
