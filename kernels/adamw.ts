/**
 * One step of the inner optimizer: clip the gradient to a global norm, then AdamW. The same
 * function takes the coordinator's step in gradient mode.
 * Source: Loshchilov & Hutter 2019, Decoupled weight decay regularization, algorithm 2.
 */
import type { AdapterLayout } from './lora.ts'
import type { Ops, Pointer } from './ops.ts'

export interface AdamWHyper {
  beta1: number
  beta2: number
  epsilon: number
  weightDecay: number
  /** Largest global norm of a gradient. */
  gradientClip: number
  /** |m / (√v + epsilon)| is clamped to this: a step moves no scalar further than lr times it. */
  ratioMax: number
  /**
   * The learning rate of B and M as a multiple of that of A; absent: 1. Source: Hayou et al. 2024,
   * LoRA+, §3.
   */
  rateRatio?: number | undefined
}

/** N scalars each, laid out like the adapter; theta, m and v are updated in place. */
export interface AdamWBuffers {
  layout: AdapterLayout
  theta: Pointer
  gradient: Pointer
  m: Pointer
  v: Pointer
}

export interface AdamWSchedule {
  learningRate: number
  /** Counts from 1. */
  step: number
  /** v came from a round before and is no longer biased towards zero. */
  warm: boolean
}

/** `gradient`: nothing has changed. `adapter`, `moment`: it overflowed, the state is lost. */
export type AdamWOutcome =
  | { status: 'ok'; gradientNorm: number }
  | { status: 'non-finite'; where: 'gradient' | 'adapter' | 'moment' }

export function clippedAdamW(
  ops: Ops,
  buffers: AdamWBuffers,
  hyper: AdamWHyper,
  { learningRate, step, warm }: AdamWSchedule,
): AdamWOutcome {
  const { layout, theta, gradient, m, v } = buffers
  const n = layout.count
  const { gradientClip, rateRatio = 1, ...rest } = hyper
  const gradientNorm = Math.sqrt(ops.sumSquares(gradient, n))
  if (!Number.isFinite(gradientNorm)) return { status: 'non-finite', where: 'gradient' }
  const common = {
    ...rest,
    gradientScale: gradientNorm > gradientClip ? gradientClip / gradientNorm : 1,
    mCorrection: biasCorrection(hyper.beta1, step),
    vCorrection: warm ? 1 : biasCorrection(hyper.beta2, step),
  }
  for (const { offset, count, ratio } of rateRanges(layout, rateRatio)) {
    const [at, own] = [4 * offset, { n: count, learningRate: learningRate * ratio }]
    const state = { theta: theta + at, gradient: gradient + at, m: m + at, v: v + at }
    ops.adamW({ ...common, ...own, ...state })
  }
  if (!ops.allFinite(theta, n)) return { status: 'non-finite', where: 'adapter' }
  if (!ops.allFinite(v, n)) return { status: 'non-finite', where: 'moment' }
  return { status: 'ok', gradientNorm }
}

/** Scalars that share a learning rate: all of them, or those of one tensor. */
function rateRanges({ count, tensors }: AdapterLayout, rateRatio: number) {
  if (rateRatio === 1) return [{ offset: 0, count, ratio: 1 }]
  return tensors.map(({ offset, rows, columns, part }) => ({
    offset,
    count: rows * columns,
    // As in peft's own LoRA+, whose faster group has all vectors in it.
    ratio: part === 'A' ? 1 : rateRatio,
  }))
}

/** 1 / (1 - beta^step), by repeated multiplication, as library powers differs between engines. */
export function biasCorrection(beta: number, step: number): number {
  let power = 1
  for (let i = 0; i < step; i++) power *= beta
  return 1 / (1 - power)
}
