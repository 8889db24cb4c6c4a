/**
 * Batches of a job: whole sequences of S tokens, one after the other, and for each token the one to
 * predict. A sequence may hold several documents: tokens see those of their own document only, and
 * a document computes the same bits wherever it stands.
 */
import type { BatchShape } from './buffers.ts'
import { checkKinds } from './frozen-base.ts'
import { ShapeError } from './shape.ts'

export interface Batch {
  tokens: Int32Array
  /** The token to predict; -1: not counted. */
  targets: Int32Array
  /**
   * The tokens that documents begin with, in ascending order. Every sequence begins one, whether it
   * is named or not.
   */
  starts?: Int32Array
  /** Those of them whose documents are answers that are rejected, where answers are rated. */
  rejected?: Int32Array
}

/** Which batch of the run it is, where training draws by it. */
export type NumberedBatch = Batch & { number?: number }

/** Tokens from..to-1, whole sequences, as a batch of their own. */
export function batchPart(batch: Batch, from: number, to: number): Batch {
  const { tokens, targets, starts, rejected } = batch
  const within = (all: Int32Array) =>
    all.filter((at) => at >= from && at < to).map((at) => at - from)
  return {
    tokens: tokens.subarray(from, to),
    targets: targets.subarray(from, to),
    ...(starts !== undefined && { starts: within(starts) }),
    ...(rejected !== undefined && { rejected: within(rejected) }),
  }
}

/** Returns how many targets are counted. Throws ShapeError when the batch does not fit the job. */
export function checkBatch({ model, sequenceLength: S }: BatchShape, batch: Batch): number {
  const { tokens, targets, starts = new Int32Array(0), rejected = new Int32Array(0) } = batch
  const { length } = tokens
  checkSize('tokens', length, length > 0 && length % S === 0, `of sequences of ${S}`)
  checkSize('targets', targets.length, targets.length === length, `of ${length} tokens`)
  checkRange('tokens', tokens, 0, model.vocabSize)
  checkRange('targets', targets, -1, model.vocabSize)
  for (const [name, places] of Object.entries({ starts, rejected })) {
    checkRange(name, places, 0, length)
    const rising = places.every((place, i) => i === 0 || place > places[i - 1]!)
    checkSize(name, places.join(), rising, 'in ascending order')
  }
  return targets.reduce((count, target) => (target < 0 ? count : count + 1), 0)
}

/** Throws ShapeError unless these are 1 to S tokens of the vocabulary. */
export function checkTokens({ model, sequenceLength: S }: BatchShape, tokens: Int32Array): void {
  const { length } = tokens
  checkSize('tokens', length, length >= 1 && length <= S, 'of 1 to S tokens')
  checkRange('tokens', tokens, 0, model.vocabSize)
}

export function checkBatchShape(shape: BatchShape): void {
  const { sequenceLength, microBatch, threads } = shape
  checkKinds(shape.kernels, shape.model)
  if (shape.noise !== undefined && shape.preference !== undefined) {
    throw new ShapeError("Cannot make a trainer as 'noise' is not drawn where answers are rated")
  }
  if (shape.adapter.variant === 'dora' && (shape.noise?.dropout ?? 0) > 0) {
    throw new ShapeError(
      "Cannot make a trainer as 'dropout' is not drawn where magnitudes are learned (DoRA)",
    )
  }
  for (const [name, value] of Object.entries({ sequenceLength, microBatch, threads })) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw new ShapeError(
      `Cannot make a trainer as '${name}' must be a positive integer: current value is ${value}`,
    )
  }
}

/**
 * Where the documents of tokens first..first+T-1 begin, counted from `first`, and T at the end.
 * `first` begins a sequence.
 */
export function documentStarts(
  starts: Int32Array | undefined,
  first: number,
  T: number,
  S: number,
): Int32Array {
  const all = new Set<number>()
  for (let start = 0; start < T; start += S) all.add(start)
  for (const start of starts ?? []) {
    if (start > first && start < first + T) all.add(start - first)
  }
  return Int32Array.from([...all, T]).sort()
}

function checkSize(name: string, value: number | string, fits: boolean, rule: string): void {
  if (fits) return
  throw new ShapeError(`Cannot run a batch as '${name}' must be ${rule}: current value is ${value}`)
}

function checkRange(name: string, ids: Int32Array, from: number, to: number): void {
  const bad = ids.find((id) => id < from || id >= to)
  if (bad === undefined) return
  throw new ShapeError(
    `Cannot run a batch as '${name}' must lie in ${from} to ${to - 1}: current value is ${bad}`,
  )
}
