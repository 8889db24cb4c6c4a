/** Which deltas point against the others: it depends on no size, nor on how payloads come. */
import { expect, test } from 'vitest'
import type { MergeRule } from '../../kernels/combine.ts'
import { type Codec, encode, encodedBytes } from '../../kernels/compress.ts'
import { momentBytes } from '../../kernels/moments.ts'
import { initialOuterState } from '../../kernels/outer-state.ts'
import { measurePayload, openMerge } from '../../kernels/server-round.ts'
import { MACHINES, randomFloats, TINY_LAYOUT } from './jobs.ts'

const { ops, arena } = MACHINES[1]![1]()
const N = TINY_LAYOUT.count
const STEP = randomFloats(N, 0.01, 1)

/** Mostly noise, with a part that all have; times a factor. */
function deltaOf(maker: number, factor: number): Float32Array {
  const noise = randomFloats(N, 0.01, 100 + maker)
  return noise.map((value, i) => factor * (STEP[i]! + value))
}

interface Row {
  name: string
  merge?: MergeRule
  mode?: 'delta' | 'gradient'
  codec?: Codec
  /** What each delta is multiplied by. */
  factors: number[]
  contrary: number[]
  /** Payloads are given in parts of so many. */
  parts?: number
  findsContrary?: boolean
}

const TEN = [1, 1, -1, 1, -1, 1, -1, 1, 1, -1]
const TURNED = [2, 4, 6, 9]
const ROWS: Row[] = [
  { name: 'nobody', factors: TEN.map(Math.abs), contrary: [] },
  { name: 'four of ten', factors: TEN, contrary: TURNED },
  { name: 'four of ten, in parts', factors: TEN, contrary: TURNED, parts: 3 },
  { name: 'four of ten, by their gradients', factors: TEN, contrary: TURNED, mode: 'gradient' },
  { name: 'four of ten, in whole numbers', factors: TEN, contrary: TURNED, codec: 'float32' },
  {
    name: 'two of ten, without extremes',
    factors: [1, 1, -1, 1, 1, 1, -1, 1, 1, 1],
    contrary: [2, 6],
    merge: 'trimmed',
  },
  { name: 'larger ones', factors: [8, 1, 1, 1, -8, 1, 1, 1], contrary: [4] },
  { name: 'one that is nothing', factors: [0, 1, 1, 1], contrary: [] },
  { name: 'two, of which nobody knows', factors: [1, -1], contrary: [] },
  { name: 'nobody asks', factors: TEN, contrary: [], findsContrary: false },
]

for (const { name, factors, contrary, ...how } of ROWS) {
  test(`contrary: ${name}`, () => expect(contraryOf(factors, how)).toEqual(contrary))
}

function contraryOf(
  factors: readonly number[],
  {
    merge: rule = 'mean',
    mode = 'delta',
    codec = 'int4',
    parts = factors.length,
    findsContrary = true,
  }: Partial<Row>,
): number[] {
  const moments = mode === 'delta' ? momentBytes(TINY_LAYOUT) : 0
  const payloads = factors.map((factor, maker) => {
    const payload = new Uint8Array(encodedBytes(codec, N) + moments).fill(9)
    payload.set(encode(ops, arena, codec, deltaOf(maker, factor)))
    return payload
  })
  const state = initialOuterState(mode, new Float32Array(N).fill(0.1))
  const inner = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 }
  const merge = openMerge(ops, arena, TINY_LAYOUT, state, {
    merge: rule,
    uplink: codec,
    downlink: 'float32',
    rule: { weightCap: 3, normClip: 2 },
    outer: { learningRate: 0.7, momentum: 0.6 },
    inner: { ...inner, gradientClip: 1, ratioMax: 2 },
    learningRate: 0.1,
    outerScale: 1,
    findsContrary,
    contributions: payloads.map((payload) => ({
      measured: measurePayload(ops, arena, TINY_LAYOUT, { mode, codec }, payload),
      tokens: 100,
      steps: 4,
    })),
  })
  for (let pass = 0; pass < merge.passes; pass++) {
    for (let at = 0; at < payloads.length; at += parts) merge.add(payloads.slice(at, at + parts))
  }
  return merge.close().contrary
}
