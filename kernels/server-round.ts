/**
 * A round, closed: contributions in canonical order -> the next outer state and the update that
 * brings everyone to it. What comes out is a pure function of the payloads, so that anyone who has
 * them can re-derive every adapter of a run; they come in parts, since all of a crowd's are more
 * than a machine holds.
 */
import type { AdamWHyper } from './adamw.ts'
import {
  type AggregationRule,
  deltaMax,
  type Judgement,
  type Measured,
  measure,
  weigh,
} from './aggregate.ts'
import type { Arena } from './arena.ts'
import { type MergeRule, openCombined } from './combine.ts'
import { type Codec, encodedBytes } from './compress.ts'
import { type Contrary, canBeContrary, openContrary } from './contrary.ts'
import { payloadBytes } from './local-job.ts'
import type { AdapterLayout } from './lora.ts'
import { type MomentCounts, momentBytes, openMoments } from './moments.ts'
import type { Ops } from './ops.ts'
import { type OuterHyper, outerAdamW, outerNesterov, publishAdapter } from './outer.ts'
import type { OuterState } from './outer-state.ts'

export interface ServerRound {
  merge: MergeRule
  uplink: Codec
  downlink: Codec
  rule: AggregationRule
  outer: OuterHyper
  inner: AdamWHyper
  /** Learning rate of the round's local steps (delta mode) or of its one step (gradient mode). */
  learningRate: number
  /** Share of the full outer step to take, in [0, 1]. */
  outerScale: number
  /** Whether to tell which deltas point against the others: all payloads go by once more for it. */
  findsContrary: boolean
  contributions: readonly RoundContribution[]
}

export interface RoundContribution {
  /** What `measurePayload` says of its payload. */
  measured: Measured
  /** Target tokens: the weight. */
  tokens: number
  steps: number
}

/** A merge in progress; it holds memory until it is closed. */
export interface Merge {
  /** How often all payloads are to be added. */
  readonly passes: number
  /** The payloads of the next contributions, also of those that will be rejected. */
  add(payloads: readonly Uint8Array[]): void
  close(): ServerOutcome
}

export interface ServerOutcome {
  state: OuterState
  /** The encoded server delta. */
  update: Uint8Array
  /** How the others are weighted and clipped. */
  counted: { index: number; weight: number; clip: number }[]
  /** Contributions that did not count, and why. */
  rejected: { index: number; reason: string }[]
  /** Those of the counted that point against the others, see contrary.ts. */
  contrary: number[]
}

/** The norm of a payload's delta; malformed when the payload has another length than it must. */
export function measurePayload(
  ops: Ops,
  arena: Arena,
  layout: AdapterLayout,
  { mode, codec }: { mode: OuterState['mode']; codec: Codec },
  payload: Uint8Array,
): Measured {
  const expected = payloadBytes(mode, codec, layout)
  if (payload.length !== expected) {
    return { malformed: `a payload has ${expected} bytes: got ${payload.length}` }
  }
  const delta = payload.subarray(0, encodedBytes(codec, layout.count))
  return measure(ops, arena, codec, delta, layout.count)
}

export function openMerge(
  ops: Ops,
  arena: Arena,
  layout: AdapterLayout,
  state: OuterState,
  round: ServerRound,
): Merge {
  const room = { ops, arena, layout }
  const { uplink, downlink } = round
  const outcomes = outcomesOf(state, round)
  const deltaBytes = encodedBytes(uplink, layout.count)
  const counted = outcomes.flatMap((outcome, index) => {
    if (outcome.status === 'rejected') return []
    return [{ index, weight: outcome.weight, clip: outcome.clipFactor }]
  })
  const merge = state.mode === 'delta' ? round.merge : 'mean'
  const rows = counted.map(({ weight, clip }) => ({ weight, clip, isSummed: true }))
  const combined = openCombined(ops, arena, { merge, codec: uplink, count: layout.count }, rows)
  const moments = openMoments(state.mode === 'delta' ? momentBytes(layout) : 0)
  const isLookedAt = round.findsContrary && canBeContrary(rows.length)
  let mean: Float32Array | null = null
  let contrary: Contrary | null = null
  let added = 0

  function addTo(deltas: readonly Uint8Array[], pass: number): void {
    if (pass < combined.passes) return combined.add(deltas)
    mean ??= combined.close()
    contrary ??= openContrary(ops, arena, uplink, mean!, rows)
    contrary.add(deltas)
  }

  return {
    passes: combined.passes + Number(isLookedAt),
    add: (payloads) => {
      const isCounted = (index: number) => outcomes[index % outcomes.length]!.status === 'counted'
      const good = payloads.filter((_, index) => isCounted(added + index))
      const pass = Math.floor(added / outcomes.length)
      if (pass === 0) moments.add(good.map((payload) => payload.subarray(deltaBytes)))
      addTo(
        good.map((payload) => payload.subarray(0, deltaBytes)),
        pass,
      )
      added += payloads.length
    },
    close: () => {
      const delta = mean ?? combined.close()
      const stepped = delta === null ? state : outerStep(room, state, delta, moments, round)
      const published = publishAdapter(ops, arena, stepped, downlink)
      const rejected = outcomes.flatMap((outcome, index) =>
        outcome.status === 'rejected' ? [{ index, reason: outcome.reason }] : [],
      )
      return {
        state: published.state,
        update: published.bytes,
        counted,
        rejected,
        contrary: (contrary?.close() ?? []).map((place) => counted[place]!.index),
      }
    },
  }
}

function outcomesOf(state: OuterState, round: ServerRound): Judgement[] {
  const boundOf = bounds(state, round)
  const claims = round.contributions.map(({ measured, tokens, steps }) => ({
    measured,
    weight: tokens,
    steps,
    deltaMax: boundOf(steps),
  }))
  return weigh(claims, state.mode === 'delta' ? round.rule : PLAIN_MEAN)
}

/** What no honest scalar exceeds after so many steps. A gradient has no such bound. */
function bounds(
  state: OuterState,
  { inner, learningRate, uplink }: ServerRound,
): (steps: number) => number {
  if (state.mode === 'gradient') return () => Number.POSITIVE_INFINITY
  const { ratioMax, weightDecay, rateRatio = 1 } = inner
  let adapterMax = 0
  for (const value of state.adapter) adapterMax = Math.max(adapterMax, Math.abs(value))
  return (steps) => {
    // Of A and B, the faster one bounds them all.
    const learningRateSum = steps * learningRate * Math.max(1, rateRatio)
    return deltaMax({ adapterMax, steps, learningRateSum, ratioMax, weightDecay, codec: uplink })
  }
}

/** Averaged gradients must be exactly those of one big batch: no cap, no clip. */
const PLAIN_MEAN: AggregationRule = {
  weightCap: Number.POSITIVE_INFINITY,
  normClip: Number.POSITIVE_INFINITY,
}

/** Where a merge computes, and what the adapter is. */
interface MergeRoom {
  ops: Ops
  arena: Arena
  layout: AdapterLayout
}

function outerStep(
  { ops, arena, layout }: MergeRoom,
  state: OuterState,
  mean: Float32Array,
  moments: MomentCounts,
  { outer, inner, learningRate, outerScale }: ServerRound,
): OuterState {
  if (state.mode === 'gradient') {
    return outerAdamW(ops, arena, layout, state, mean, inner, learningRate * outerScale).state
  }
  const scaled = { ...outer, learningRate: outer.learningRate * outerScale }
  const stepped = outerNesterov(state, mean, scaled)
  return { ...stepped, moment: moments.merge(state.moment) }
}
