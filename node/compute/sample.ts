/**
 * Which token comes next: the model's distribution, sharpened and cut, drawn from a seed. Every
 * engine draws the same token from the same logits.
 * Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration, §3.1 (top-p); Fan et
 * al. 2018, Hierarchical Neural Story Generation, §5.4 (top-k).
 */
import { expDouble } from '../../kernels/index.ts'

export interface Sampling {
  /** 0 takes the likeliest token, whatever the rest says. */
  temperature: number
  /** Only the so many likeliest; 0: all. */
  topK: number
  /** Only the likeliest that together have this probability; 1: all. */
  topP: number
}

/** The id drawn by `fraction`, from 0 to 1, out of softmax(logits / temperature), cut. */
export function drawToken(logits: Float32Array, sampling: Sampling, fraction: number): number {
  const { temperature, topK, topP } = sampling
  const max = likeliest(logits)
  if (temperature === 0) return max
  const weights = Float64Array.from(logits, (value) =>
    expDouble((value - logits[max]!) / temperature),
  )
  if (topK === 0 && topP >= 1) return drawAmong(weights, weights.keys(), fraction)
  const ids = Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]! || a - b)
  return drawAmong(weights, cut(ids, weights, topK === 0 ? ids.length : topK, topP), fraction)
}

export function likeliest(logits: Float32Array): number {
  return logits.reduce((best, value, id) => (value > logits[best]! ? id : best), 0)
}

/** The first `countMax` ids, and of them as few as have the share topP of all weight. */
function cut(ids: number[], weights: Float64Array, countMax: number, topP: number): number[] {
  const total = sumOf(weights, ids)
  let sum = 0
  const last = ids.findIndex((id, index) => {
    sum += weights[id]!
    return index + 1 >= countMax || sum >= topP * total
  })
  return ids.slice(0, last + 1)
}

/** The id at which the running sum passes `fraction` of all. */
function drawAmong(weights: Float64Array, ids: Iterable<number>, fraction: number): number {
  const all = [...ids]
  let rest = fraction * sumOf(weights, all)
  return (
    all.find((id) => {
      rest -= weights[id]!
      return rest < 0
    }) ?? all[0]!
  )
}

function sumOf(weights: Float64Array, ids: Iterable<number>): number {
  let sum = 0
  for (const id of ids) sum += weights[id]!
  return sum
}
