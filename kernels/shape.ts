/**
 * The sizes of a job. One letter a size, fixed here and used in every docstring of this room:
 *
 *   T tokens in a micro-batch (= sequences x S)    S tokens in a sequence    D hidden size
 *   F feed-forward size    H query heads    G key/value heads    E size of a head    V vocabulary
 *   L layers    R adapter rank    I inputs and O outputs of a linear layer    N adapter scalars
 */

/** The linear layers of a decoder layer that can carry a LoRA adapter, in canonical order. */
export const TARGETS = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
export type Target = (typeof TARGETS)[number]

export interface ModelShape {
  /** V */
  vocabSize: number
  /** D */
  hiddenSize: number
  /** F */
  intermediateSize: number
  /** L */
  layerCount: number
  /** H */
  headCount: number
  /** G; H must be a multiple of it */
  kvHeadCount: number
  /** E, even */
  headDim: number
  ropeTheta: number
  /** E/2 numbers that RoPE's frequencies are divided by, for a longer context; null: none. */
  ropeDivisors: readonly number[] | null
  rmsNormEps: number
  /** The output head is the token embedding. */
  tiedHead: boolean
  /** q, k and v each have a bias. */
  qkvBias: boolean
  /** Each head of q and k goes through an RMSNorm before it is turned to its position. */
  headNorm: boolean
}

export interface AdapterShape {
  /** R */
  adapterRank: number
  /** The adapter's output is scaled by alpha / R, or as `scaling` says. */
  alpha: number
  targets: readonly Target[]
  /** The layers that carry adapters, in ascending order; absent: all do. */
  layers?: readonly number[] | undefined
  /** `rslora`: by alpha / √R. Source: Kalajdzievski 2023, rank stabilization of LoRA, §3. */
  scaling?: 'rslora' | undefined
  /** What is learned besides A and B. `dora`: the magnitude of each row of W + s·B·A. */
  variant?: 'dora' | undefined
  /** Linear layers whose R or alpha is another, in canonical order. */
  exceptions?: readonly AdapterException[] | undefined
}

export interface AdapterException {
  layer: number
  target: Target
  adapterRank: number
  alpha: number
}

/**
 * Thrown when a caller of ours passes sizes or values that don't fit together: a bug, not bad
 * input.
 */
export class ShapeError extends Error {
  override name = 'ShapeError'
}

/** I and O of a target: y (T,O) = x (T,I) · Wᵀ with W (O,I). */
export function targetSize(shape: ModelShape, target: Target): { inputs: number; outputs: number } {
  const { hiddenSize, intermediateSize, headCount, kvHeadCount, headDim } = shape
  switch (target) {
    case 'q':
      return { inputs: hiddenSize, outputs: headCount * headDim }
    case 'k':
    case 'v':
      return { inputs: hiddenSize, outputs: kvHeadCount * headDim }
    case 'o':
      return { inputs: headCount * headDim, outputs: hiddenSize }
    case 'gate':
    case 'up':
      return { inputs: hiddenSize, outputs: intermediateSize }
    case 'down':
      return { inputs: intermediateSize, outputs: hiddenSize }
  }
}
