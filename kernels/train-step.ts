/**
 * The job of a volunteer, as a pure function: (base, adapter, moment, batches, learning rates) ->
 * the same adapter bytes on every machine, after every local step.
 *
 * A trainer owns the buffers of one job. `load` starts a lease; each `localStep` is one AdamW step
 * on one batch, worked off in micro-batches whose gradients continue the same folds, so that the
 * micro-batch size changes memory but no bit of the state. In gradient mode `gradient` takes the
 * place of `localStep`: the adapter stands still, and m holds the sum of gradients.
 */
import { type AdamWHyper, biasCorrection, clippedAdamW } from './adamw.ts'
import type { Arena } from './arena.ts'
import { type BatchShape, type Buffers, placeBuffers } from './buffers.ts'
import { headLogits, headLoss } from './head.ts'
import type { AdapterLayout } from './lora.ts'
import { expandMoment, factorMoment } from './moments.ts'
import type { Ops, Pointer } from './ops.ts'
import { ShapeError } from './shape.ts'
import { decoderForward, lossAndGradient } from './transformer.ts'
import { loadTensor, type WeightSource, weightTensors } from './weights.ts'

export interface JobShape extends BatchShape {
  hyper: AdamWHyper
}

/** Loss is the mean over the batch's target tokens, before the step. */
export type StepOutcome =
  | { status: 'ok'; loss: number; targetTokens: number; gradientNorm: number }
  | { status: 'non-finite'; where: 'loss' | 'gradient' | 'adapter' | 'moment' }

/**
 * Tokens and targets are whole sequences of S, one after the other; target -1 is not counted. They
 * throw ShapeError when they do not fit the job.
 */
export interface Trainer {
  readonly layout: AdapterLayout
  /** Starts from an adapter (N) and a second moment's codes, or null for a cold start; m = 0. */
  load(adapter: Float32Array, moment: Uint8Array | null): void
  /** A batch without targets changes nothing. After a non-finite outcome, `load` again. */
  localStep(tokens: Int32Array, targets: Int32Array, learningRate: number): StepOutcome
  /** Gradient mode: adds the gradient of the batch's summed loss to m. */
  gradient(tokens: Int32Array, targets: Int32Array): StepOutcome
  /** Gradient mode: m over the target tokens so far, the contribution's payload (N). */
  meanGradient(): Float32Array
  /** adapter, m, v: little-endian float32 (N) each. A copy, to be hashed. */
  state(): Uint8Array
  adapter(): Float32Array
  /** base - local (N), the pseudo-gradient. */
  delta(base: Float32Array): Float32Array
  /** Codes of v, unbiased. */
  moment(): Uint8Array
  evaluate(tokens: Int32Array, targets: Int32Array): { lossSum: number; targetTokens: number }
  /** Logits (V) after the last of up to S tokens. */
  logits(tokens: Int32Array): Float32Array
}

interface Lease {
  /** AdamW steps since `load`. */
  step: number
  warm: boolean
  /** Target tokens behind the sum in m, in gradient mode. */
  gradientTokens: number
}

interface Run {
  ops: Ops
  job: JobShape
  buffers: Buffers
  lease: Lease
}

/** Takes all memory of the job from the arena. Throws ShapeError when shapes don't fit. */
export function createTrainer(
  ops: Ops,
  arena: Arena,
  job: JobShape,
  weights: WeightSource,
): Trainer {
  checkBatchShape(job)
  const buffers = allocateBuffers(ops, arena, job, weights)
  const run: Run = { ops, job, buffers, lease: { step: 0, warm: false, gradientTokens: 0 } }
  const { theta, m, v, layout } = buffers
  load(run, new Float32Array(layout.count), null)
  return {
    layout,
    load: (adapter, moment) => load(run, adapter, moment),
    localStep: (tokens, targets, learningRate) => localStep(run, tokens, targets, learningRate),
    gradient: (tokens, targets) => gradient(run, tokens, targets),
    meanGradient: () => read(run, m).map((sum) => sum / Math.max(1, run.lease.gradientTokens)),
    state: () => new Uint8Array(ops.memory.buffer, theta, 12 * layout.count).slice(),
    adapter: () => read(run, theta),
    delta: (base) => read(run, theta).map((local, i) => base[i]! - local),
    moment: () => factorMoment(layout, unbiased(run, read(run, v))),
    evaluate: (tokens, targets) => evaluate(run, tokens, targets),
    logits: (tokens) => logits(run, tokens),
  }
}

function allocateBuffers(ops: Ops, arena: Arena, job: JobShape, weights: WeightSource): Buffers {
  const pointers = new Map<string, Pointer>()
  const buffers = placeBuffers(job, (name, count) => {
    const pointer = arena.allocate(name, 4 * count)
    pointers.set(name, pointer)
    return pointer
  })
  const { model, cos, sin } = buffers
  for (const tensor of weightTensors(model)) {
    loadTensor(ops, pointers.get(tensor.name)!, tensor, weights)
  }
  ops.ropeTable(cos, sin, job.sequenceLength, model.headDim, model.ropeTheta)
  return buffers
}

function load(run: Run, adapter: Float32Array, moment: Uint8Array | null): void {
  const { ops, buffers } = run
  const { layout, theta, m, v } = buffers
  if (adapter.length !== layout.count) {
    throw new ShapeError(
      `Cannot load an adapter as it must have ${layout.count} scalars: ` +
        `current value is ${adapter.length}`,
    )
  }
  const expanded = moment === null ? new Float32Array(layout.count) : expandMoment(layout, moment)
  floats(run, theta).set(adapter)
  ops.fill(m, 0, layout.count)
  floats(run, v).set(expanded)
  run.lease = { step: 0, warm: moment !== null, gradientTokens: 0 }
}

function localStep(
  run: Run,
  tokens: Int32Array,
  targets: Int32Array,
  learningRate: number,
): StepOutcome {
  const { ops, job, buffers, lease } = run
  const targetTokens = checkBatch(job, tokens, targets)
  if (targetTokens === 0) return { status: 'ok', loss: 0, targetTokens, gradientNorm: 0 }
  const lossSum = accumulateGradient(run, tokens, targets, 1 / targetTokens)
  if (!Number.isFinite(lossSum)) return { status: 'non-finite', where: 'loss' }
  const { theta, gradient, m, v, layout } = buffers
  const state = { n: layout.count, theta, gradient, m, v }
  const schedule = { learningRate, step: lease.step + 1, warm: lease.warm }
  const outcome = clippedAdamW(ops, state, job.hyper, schedule)
  if (outcome.status !== 'ok') return outcome
  lease.step += 1
  return { ...outcome, loss: lossSum / targetTokens, targetTokens }
}

function gradient(run: Run, tokens: Int32Array, targets: Int32Array): StepOutcome {
  const { ops, job, buffers, lease } = run
  const { m, gradient, layout } = buffers
  const targetTokens = checkBatch(job, tokens, targets)
  if (targetTokens === 0) return { status: 'ok', loss: 0, targetTokens, gradientNorm: 0 }
  const lossSum = accumulateGradient(run, tokens, targets, 1)
  if (!Number.isFinite(lossSum)) return { status: 'non-finite', where: 'loss' }
  const gradientNorm = Math.sqrt(ops.sumSquares(gradient, layout.count)) / targetTokens
  if (!Number.isFinite(gradientNorm)) return { status: 'non-finite', where: 'gradient' }
  ops.add(m, gradient, layout.count)
  if (!ops.allFinite(m, layout.count)) return { status: 'non-finite', where: 'moment' }
  lease.gradientTokens += targetTokens
  return { status: 'ok', loss: lossSum / targetTokens, targetTokens, gradientNorm }
}

/** buffers.gradient = scale · gradient of the batch's summed loss, which is returned. */
function accumulateGradient(
  run: Run,
  tokens: Int32Array,
  targets: Int32Array,
  scale: number,
): number {
  const { ops, job, buffers } = run
  ops.fill(buffers.gradient, 0, buffers.layout.count)
  let lossSum = 0
  for (const T of microBatches(run, tokens, targets)) {
    lossSum += lossAndGradient(ops, buffers, T, job.sequenceLength, scale)
  }
  return lossSum
}

function evaluate(
  run: Run,
  tokens: Int32Array,
  targets: Int32Array,
): { lossSum: number; targetTokens: number } {
  const { ops, job, buffers } = run
  const targetTokens = checkBatch(job, tokens, targets)
  let lossSum = 0
  for (const T of microBatches(run, tokens, targets)) {
    decoderForward(ops, buffers, T, job.sequenceLength)
    lossSum += headLoss(ops, buffers, T)
  }
  return { lossSum, targetTokens }
}

function logits(run: Run, tokens: Int32Array): Float32Array {
  const { ops, job, buffers } = run
  const { length } = tokens
  checkSize('tokens', length, length >= 1 && length <= job.sequenceLength, 'of 1 to S tokens')
  checkRange('tokens', tokens, 0, job.model.vocabSize)
  new Int32Array(ops.memory.buffer, buffers.tokens, length).set(tokens)
  decoderForward(ops, buffers, length, length)
  const pointer = headLogits(ops, buffers, length - 1)
  return new Float32Array(ops.memory.buffer, pointer, job.model.vocabSize).slice()
}

/** Puts one micro-batch after the other into place, and yields its T; the last may be short. */
function* microBatches(run: Run, tokens: Int32Array, targets: Int32Array): Generator<number> {
  const { ops, job, buffers } = run
  const tokensMax = job.microBatch * job.sequenceLength
  for (let start = 0; start < tokens.length; start += tokensMax) {
    const T = Math.min(tokensMax, tokens.length - start)
    const part = (array: Int32Array) => array.subarray(start, start + T)
    new Int32Array(ops.memory.buffer, buffers.tokens, T).set(part(tokens))
    new Int32Array(ops.memory.buffer, buffers.targets, T).set(part(targets))
    yield T
  }
}

/** A v that started from zero is biased towards it. */
function unbiased({ job, lease }: Run, v: Float32Array): Float32Array {
  if (lease.warm || lease.step === 0) return v
  const correction = biasCorrection(job.hyper.beta2, lease.step)
  return v.map((value) => value * correction)
}

function floats({ ops, buffers }: Run, pointer: Pointer): Float32Array {
  return new Float32Array(ops.memory.buffer, pointer, buffers.layout.count)
}

function read(run: Run, pointer: Pointer): Float32Array {
  return floats(run, pointer).slice()
}

function checkBatchShape({ sequenceLength, microBatch }: BatchShape): void {
  for (const [name, value] of Object.entries({ sequenceLength, microBatch })) {
    if (Number.isSafeInteger(value) && value > 0) continue
    throw new ShapeError(
      `Cannot make a trainer as '${name}' must be a positive integer: current value is ${value}`,
    )
  }
}

/** Returns how many targets are counted. */
function checkBatch(
  { model, sequenceLength: S }: JobShape,
  tokens: Int32Array,
  targets: Int32Array,
): number {
  const { length } = tokens
  checkSize('tokens', length, length > 0 && length % S === 0, `of sequences of ${S}`)
  checkSize('targets', targets.length, targets.length === length, `of ${length} tokens`)
  checkRange('tokens', tokens, 0, model.vocabSize)
  checkRange('targets', targets, -1, model.vocabSize)
  return targets.reduce((count, target) => (target < 0 ? count : count + 1), 0)
}

function checkSize(name: string, length: number, fits: boolean, rule: string): void {
  if (fits) return
  throw new ShapeError(
    `Cannot run a batch as '${name}' must be ${rule}: current value is ${length}`,
  )
}

function checkRange(name: string, ids: Int32Array, from: number, to: number): void {
  const bad = ids.find((id) => id < from || id >= to)
  if (bad === undefined) return
  throw new ShapeError(
    `Cannot run a batch as '${name}' must lie in ${from} to ${to - 1}: current value is ${bad}`,
  )
}
