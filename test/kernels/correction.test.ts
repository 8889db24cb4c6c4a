/** What was merged can be subtracted later, as if it had been nothing. */
import { expect, test } from 'vitest'
import type { MergeRule } from '../../kernels/combine.ts'
import { decode, encode, encodedBytes } from '../../kernels/compress.ts'
import { openCorrection } from '../../kernels/correction.ts'
import { momentBytes } from '../../kernels/moments.ts'
import { type DeltaState, initialOuterState } from '../../kernels/outer-state.ts'
import { measurePayload, openMerge } from '../../kernels/server-round.ts'
import { MACHINES, randomFloats, TINY_LAYOUT } from './jobs.ts'

const { ops, arena } = MACHINES[1]![1]()
const N = TINY_LAYOUT.count
const OUTER = { learningRate: 0.7, momentum: 0.6 }
const SCALES = [1, 0.5, 0.8, 1]

/** Each round has three contributions; the third is the liar's, larger than is let through. */
function deltaOf(round: number, maker: number): Float32Array {
  return randomFloats(N, maker === 2 ? 0.05 : 0.01, 10 * round + maker)
}

function payloadOf(delta: Float32Array): Uint8Array {
  const bytes = encode(ops, arena, 'int4', delta)
  const payload = new Uint8Array(bytes.length + momentBytes(TINY_LAYOUT)).fill(9)
  payload.set(bytes)
  return payload
}

interface Merged {
  state: DeltaState
  counted: { weight: number; clip: number }[]
}

function mergeRound(
  rule: MergeRule,
  before: DeltaState,
  outerScale: number,
  payloads: Uint8Array[],
): Merged {
  const merge = openMerge(ops, arena, TINY_LAYOUT, before, {
    merge: rule,
    uplink: 'int4',
    downlink: 'float32',
    rule: { weightCap: 3, normClip: 2 },
    outer: OUTER,
    inner: INNER,
    learningRate: 0.1,
    outerScale,
    findsContrary: false,
    contributions: payloads.map((payload, index) => ({
      measured: measurePayload(ops, arena, TINY_LAYOUT, KIND, payload),
      tokens: 100 + index,
      steps: 4,
    })),
  })
  merge.add(payloads)
  const { state, counted } = merge.close()
  return { state: state as DeltaState, counted }
}

const KIND = { mode: 'delta', codec: 'int4' } as const
const INNER = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  gradientClip: 1,
  ratioMax: 2,
}

const CASES = (['mean', 'trimmed'] as const).flatMap((rule) =>
  [0, 1, 2, 3].map((lied) => ({ rule, lied })),
)

for (const { rule, lied } of CASES) {
  test(`${rule}: what came in round ${lied} of four is gone after the last`, () => {
    let state = initialOuterState('delta', randomFloats(N, 0.1, 99)) as DeltaState
    // What theta and the momentum would be in float64 had the liar's part been zero.
    const theta = Float64Array.from(state.theta)
    const momentum = new Float64Array(N)
    let lie: { payloads: Uint8Array[]; counted: Merged['counted'] } = { payloads: [], counted: [] }
    for (const [round, scale] of SCALES.entries()) {
      const payloads = [0, 1, 2].map((maker) => payloadOf(deltaOf(round, maker)))
      const merged = mergeRound(rule, state, scale, payloads)
      const parts = partsOf(rule, payloads, merged.counted)
      for (let i = 0; i < N; i++) {
        const makers = round === lied ? [0, 1] : [0, 1, 2]
        const rest = makers.reduce((sum, maker) => sum + parts[maker]![i]!, 0)
        momentum[i] = OUTER.momentum * momentum[i]! + rest
        theta[i]! -= OUTER.learningRate * scale * (rest + OUTER.momentum * momentum[i]!)
      }
      if (round === lied) lie = { payloads, counted: merged.counted }
      state = merged.state
    }
    expect(lie.counted[2]!.clip).toBeLessThan(0.9)
    expect(errorOf(state.theta, theta)).toBeGreaterThan(1e-4)
    const correction = openCorrection(ops, arena, state, {
      uplink: 'int4',
      merge: rule,
      rows: lie.counted.map((row, maker) => ({ ...row, isSummed: maker === 2 })),
      ...WORTH[lied]!,
    })
    correction.add(rule === 'mean' ? lie.payloads.slice(2) : lie.payloads)
    const corrected = correction.close()
    expect(errorOf(corrected.theta, theta)).toBeLessThan(1e-7)
    expect(errorOf(corrected.momentum, momentum)).toBeLessThan(1e-8)
    expect(corrected.adapter).toBe(state.adapter)
  })
}

/** Worked out by hand: eta (c_s + mu · sum c_j mu^(j-s)) and mu^(3-s), with outer shares c. */
const WORTH = [
  { theta: 0.7 * (1 + 0.6 * (1 + 0.5 * 0.6 + 0.8 * 0.36 + 0.216)), momentum: 0.216 },
  { theta: 0.7 * (0.5 + 0.6 * (0.5 + 0.8 * 0.6 + 0.36)), momentum: 0.36 },
  { theta: 0.7 * (0.8 + 0.6 * (0.8 + 0.6)), momentum: 0.6 },
  { theta: 0.7 * 1.6, momentum: 1 },
]

/** What each of three is of the merge, in float64. Their weights are nearly the same. */
function partsOf(
  rule: MergeRule,
  payloads: readonly Uint8Array[],
  counted: Merged['counted'],
): Float64Array[] {
  const values = payloads.map((payload, maker) =>
    decoded(payload).map((value) => value * counted[maker]!.clip),
  )
  const weightSum = counted.reduce((sum, { weight }) => sum + weight, 0)
  const trim = rule === 'mean' ? 0 : weightSum / 3
  const parts = values.map(() => new Float64Array(N))
  for (let i = 0; i < N; i++) {
    let passed = 0
    const order = [0, 1, 2].sort((a, b) => values[a]![i]! - values[b]![i]! || a - b)
    for (const maker of order) {
      const next = passed + counted[maker]!.weight
      const left = Math.min(next, weightSum - trim) - Math.max(passed, trim)
      passed = next
      if (left > 0) parts[maker]![i] = (left * values[maker]![i]!) / (weightSum - 2 * trim)
    }
  }
  return parts
}

function decoded(payload: Uint8Array): Float64Array {
  const result = decode(ops, arena, 'int4', payload.subarray(0, encodedBytes('int4', N)), N)
  if (result.status === 'malformed') throw new Error(result.reason)
  return Float64Array.from(result.values)
}

function errorOf(found: Float32Array, expected: Float64Array): number {
  return found.reduce((worst, value, i) => Math.max(worst, Math.abs(value - expected[i]!)), 0)
}
