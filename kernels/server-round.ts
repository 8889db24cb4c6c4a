/**
 * A round, closed: contributions in canonical order -> the next outer state and the update that
 * brings everyone to it. A pure function, so that anyone who has the payloads can re-derive every
 * adapter of a run.
 */
import type { AdamWHyper } from './adamw.ts'
import { type AggregationRule, aggregate, type Contribution, deltaMax } from './aggregate.ts'
import type { Arena } from './arena.ts'
import { type Codec, encodedBytes } from './compress.ts'
import { payloadBytes } from './local-job.ts'
import type { AdapterLayout } from './lora.ts'
import { mergeMoments } from './moments.ts'
import type { Ops } from './ops.ts'
import { type OuterHyper, outerAdamW, outerNesterov, publishAdapter } from './outer.ts'
import type { OuterState } from './outer-state.ts'

export interface ServerRound {
  uplink: Codec
  downlink: Codec
  rule: AggregationRule
  outer: OuterHyper
  inner: AdamWHyper
  /** Learning rate of the round's local steps (delta mode) or of its one step (gradient mode). */
  learningRate: number
  /** Share of the full outer step to take, in [0, 1]. */
  outerScale: number
  contributions: readonly RoundContribution[]
}

export interface RoundContribution {
  payload: Uint8Array
  /** Target tokens: the weight. */
  tokens: number
  steps: number
}

export interface ServerOutcome {
  state: OuterState
  /** The encoded server delta. */
  update: Uint8Array
  /** By index of the contribution. */
  rejected: { index: number; reason: string }[]
}

export function serverRound(
  ops: Ops,
  arena: Arena,
  layout: AdapterLayout,
  state: OuterState,
  round: ServerRound,
): ServerOutcome {
  const { contributions, downlink } = round
  const boundOf = bounds(state, round)
  const parts = contributions.map(({ payload, tokens, steps }) => ({
    codec: round.uplink,
    bytes: deltaOf(payload, state.mode, round.uplink, layout),
    weight: tokens,
    steps,
    deltaMax: boundOf(steps),
  }))
  const { mean, parts: outcomes } = aggregated(ops, arena, layout, state, round, parts)
  const rejected = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ index, reason: outcome.reason }] : [],
  )
  const moments = contributions
    .filter((_, index) => outcomes[index]!.status === 'counted')
    .map(({ payload }) => payload.subarray(encodedBytes(round.uplink, layout.count)))
  const stepped = mean === null ? state : outerStep(ops, arena, state, mean, moments, round)
  const published = publishAdapter(ops, arena, stepped, downlink)
  return { state: published.state, update: published.bytes, rejected }
}

/**
 * The encoded delta; no bytes, which are malformed, when the payload has another length than it
 * must.
 */
function deltaOf(
  payload: Uint8Array,
  mode: OuterState['mode'],
  codec: Codec,
  layout: AdapterLayout,
): Uint8Array {
  const isWhole = payload.length === payloadBytes(mode, codec, layout)
  return payload.subarray(0, isWhole ? encodedBytes(codec, layout.count) : 0)
}

/** What no honest scalar exceeds after so many steps. A gradient has no such bound. */
function bounds(
  state: OuterState,
  { inner, learningRate, uplink }: ServerRound,
): (steps: number) => number {
  if (state.mode === 'gradient') return () => Number.POSITIVE_INFINITY
  const { ratioMax, weightDecay } = inner
  let adapterMax = 0
  for (const value of state.adapter) adapterMax = Math.max(adapterMax, Math.abs(value))
  return (steps) => {
    const learningRateSum = steps * learningRate
    return deltaMax({ adapterMax, steps, learningRateSum, ratioMax, weightDecay, codec: uplink })
  }
}

/** Averaged gradients must be exactly those of one big batch: no cap, no clip. */
const PLAIN_MEAN: AggregationRule = {
  weightCap: Number.POSITIVE_INFINITY,
  normClip: Number.POSITIVE_INFINITY,
}

function aggregated(
  ops: Ops,
  arena: Arena,
  layout: AdapterLayout,
  state: OuterState,
  { rule }: ServerRound,
  parts: readonly Contribution[],
) {
  const applied = state.mode === 'delta' ? rule : PLAIN_MEAN
  return aggregate(ops, arena, layout.count, parts, applied, null)
}

function outerStep(
  ops: Ops,
  arena: Arena,
  state: OuterState,
  mean: Float32Array,
  moments: readonly Uint8Array[],
  { outer, inner, learningRate, outerScale }: ServerRound,
): OuterState {
  if (state.mode === 'gradient') {
    return outerAdamW(ops, arena, state, mean, inner, learningRate * outerScale).state
  }
  const scaled = { ...outer, learningRate: outer.learningRate * outerScale }
  const stepped = outerNesterov(state, mean, scaled)
  return { ...stepped, moment: mergeMoments(state.moment, moments) }
}
