/**
 * The job of a volunteer, as a pure function: (base, adapter, moment, batches, learning rates) ->
 * the same adapter bytes on every machine, after every local step.
 *
 * A trainer owns the buffers of one job. `load` starts a lease; each `localStep` is one AdamW step
 * on one batch, worked off in micro-batches whose gradients continue the same folds, so that the
 * micro-batch size changes memory but no bit of the state. In gradient mode `gradient` takes the
 * place of `localStep`: the adapter stands still, and m holds the sum of gradients.
 *
 * Other threads that share the memory may help: each runs `helpTrainer` and works off parts of
 * whatever the trainer's thread is at. They change no bit either.
 */
import { type AdamWHyper, biasCorrection, clippedAdamW } from './adamw.ts'
import type { Arena } from './arena.ts'
import { type Batch, checkBatch, checkBatchShape, checkTokens, documentStarts } from './batch.ts'
import { type BatchShape, type Buffers, type Place, placeBuffers, placeFrom } from './buffers.ts'
import { createDecoder, type Decoder, decoderPhases, type MicroBatch } from './decoder.ts'
import { loadWeights } from './load-weights.ts'
import type { AdapterLayout } from './lora.ts'
import { expandMoment, factorMoment } from './moments.ts'
import type { Ops, Pointer } from './ops.ts'
import { ShapeError } from './shape.ts'
import { type Board, createTeam, newBoard, serve } from './threads.ts'
import type { WeightSource } from './weights.ts'

export interface JobShape extends BatchShape {
  hyper: AdamWHyper
}

/**
 * Loss is the mean over the batch's target tokens, before the step. `stopped`: given up on request,
 * and the state is as it was before.
 */
export type StepOutcome =
  | { status: 'ok'; loss: number; targetTokens: number; gradientNorm: number }
  | { status: 'non-finite'; where: 'loss' | 'gradient' | 'adapter' | 'moment' }
  | { status: 'stopped' }

/** Batches throw ShapeError when they do not fit the job. */
export interface Trainer {
  readonly layout: AdapterLayout
  /** Where its buffers begin, for `helpTrainer`. */
  readonly place: Pointer
  /** Starts from an adapter (N) and a second moment's codes, or null for a cold start; m = 0. */
  load(adapter: Float32Array, moment: Uint8Array | null): void
  /** A batch without targets changes nothing. After a non-finite outcome, `load` again. */
  localStep(batch: Batch, learningRate: number): StepOutcome
  /** Gradient mode: adds the gradient of the batch's summed loss to m. */
  gradient(batch: Batch): StepOutcome
  /** Gradient mode: m over the target tokens so far, the contribution's payload (N). */
  meanGradient(): Float32Array
  /** adapter, m, v: little-endian float32 (N) each. A copy, to be hashed. */
  state(): Uint8Array
  adapter(): Float32Array
  /** base - local (N), the pseudo-gradient. */
  delta(base: Float32Array): Float32Array
  /** Codes of v, unbiased. */
  moment(): Uint8Array
  evaluate(batch: Batch): { lossSum: number; targetTokens: number }
  /** Logits (V) after the last of up to S tokens. */
  logits(tokens: Int32Array): Float32Array
}

/** What a trainer shares with those who help it or watch it. */
export interface Crew {
  board: Board
  /** Whether the step in progress is to be given up; never true outside of a step. */
  isStopping(): boolean
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
  decoder: Decoder
  lease: Lease
}

/** Takes all memory of the job from the arena. Throws ShapeError when shapes don't fit. */
export function createTrainer(
  ops: Ops,
  arena: Arena,
  job: JobShape,
  weights: WeightSource,
  { board, isStopping }: Crew = { board: newBoard(), isStopping: () => false },
): Trainer {
  checkBatchShape(job)
  const place = arena.mark()
  const buffers = allocateBuffers(ops, arena.allocate, job, weights)
  const team = createTeam(board, job.threads, decoderPhases(ops, buffers, 0), isStopping)
  const decoder = createDecoder(ops, buffers, team)
  const lease = { step: 0, warm: false, gradientTokens: 0 }
  const run: Run = { ops, job, buffers, decoder, lease }
  const { theta, m, v, layout } = buffers
  load(run, new Float32Array(layout.count), null)
  return {
    layout,
    place,
    load: (adapter, moment) => load(run, adapter, moment),
    localStep: (batch, learningRate) => localStep(run, batch, learningRate),
    gradient: (batch) => gradient(run, batch),
    meanGradient: () => read(run, m).map((sum) => sum / Math.max(1, run.lease.gradientTokens)),
    state: () => new Uint8Array(ops.memory.buffer, theta, 12 * layout.count).slice(),
    adapter: () => read(run, theta),
    delta: (base) => read(run, theta).map((local, i) => base[i]! - local),
    moment: () => factorMoment(layout, unbiased(run, read(run, v))),
    evaluate: (batch) => evaluate(run, batch),
    logits: (tokens) => logits(run, tokens),
  }
}

/**
 * Works for the trainer whose buffers begin at `place`, until the board is closed.
 * @param makeOps ops on the trainer's memory, that pack into the workspace given
 * @param thread from 1 to job.threads - 1, each once
 */
export function helpTrainer(
  makeOps: (workspace: Pointer) => Ops,
  job: JobShape,
  place: Pointer,
  thread: number,
  board: Board,
): void {
  const buffers = placeBuffers(job, placeFrom(place))
  const ops = makeOps(buffers.own[thread]!.workspace!)
  serve(board, decoderPhases(ops, buffers, thread))
}

/** The buffers of a job, with its frozen base in them. */
export function allocateBuffers(
  ops: Ops,
  place: Place,
  job: BatchShape,
  weights: WeightSource,
): Buffers {
  const buffers = placeBuffers(job, place)
  const { cos, sin } = buffers
  const { headDim, ropeTheta, ropeDivisors } = buffers.model
  loadWeights(ops, buffers, weights)
  ops.ropeTable(cos, sin, job.sequenceLength, headDim, ropeTheta, ropeDivisors)
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

function localStep(run: Run, batch: Batch, learningRate: number): StepOutcome {
  const { ops, job, buffers, lease } = run
  const targetTokens = checkBatch(job, batch)
  if (targetTokens === 0) return { status: 'ok', loss: 0, targetTokens, gradientNorm: 0 }
  const lossSum = accumulateGradient(run, batch, 1 / targetTokens)
  if (lossSum === null) return { status: 'stopped' }
  if (!Number.isFinite(lossSum)) return { status: 'non-finite', where: 'loss' }
  const { theta, gradient, m, v, layout } = buffers
  const state = { n: layout.count, theta, gradient, m, v }
  const schedule = { learningRate, step: lease.step + 1, warm: lease.warm }
  const outcome = clippedAdamW(ops, state, job.hyper, schedule)
  if (outcome.status !== 'ok') return outcome
  lease.step += 1
  return { ...outcome, loss: lossSum / targetTokens, targetTokens }
}

function gradient(run: Run, batch: Batch): StepOutcome {
  const { ops, job, buffers, lease } = run
  const { m, gradient, layout } = buffers
  const targetTokens = checkBatch(job, batch)
  if (targetTokens === 0) return { status: 'ok', loss: 0, targetTokens, gradientNorm: 0 }
  const lossSum = accumulateGradient(run, batch, 1)
  if (lossSum === null) return { status: 'stopped' }
  if (!Number.isFinite(lossSum)) return { status: 'non-finite', where: 'loss' }
  const gradientNorm = Math.sqrt(ops.sumSquares(gradient, layout.count)) / targetTokens
  if (!Number.isFinite(gradientNorm)) return { status: 'non-finite', where: 'gradient' }
  ops.add(m, gradient, layout.count)
  if (!ops.allFinite(m, layout.count)) return { status: 'non-finite', where: 'moment' }
  lease.gradientTokens += targetTokens
  return { status: 'ok', loss: lossSum / targetTokens, targetTokens, gradientNorm }
}

/** buffers.gradient = scale · gradient of the batch's summed loss, which is returned. */
function accumulateGradient(run: Run, batch: Batch, scale: number): number | null {
  const { ops, buffers, decoder } = run
  ops.fill(buffers.gradient, 0, buffers.layout.count)
  return sumLosses(run, batch, (part) => decoder.gradient(part, scale))
}

function evaluate(run: Run, batch: Batch): { lossSum: number; targetTokens: number } {
  const targetTokens = checkBatch(run.job, batch)
  const lossSum = sumLosses(run, batch, (part) => run.decoder.losses(part))!
  return { lossSum, targetTokens }
}

/** One left fold over the tokens of all micro-batches, in float64; null when one was given up. */
function sumLosses(run: Run, batch: Batch, work: (part: MicroBatch) => boolean): number | null {
  const { ops, buffers } = run
  let sum = 0
  for (const part of microBatches(run, batch)) {
    if (!work(part)) return null
    const losses = new Float64Array(ops.memory.buffer, buffers.scratch.losses, part.T)
    for (const loss of losses) sum += loss
  }
  return sum
}

function logits(run: Run, tokens: Int32Array): Float32Array {
  const { ops, job, buffers, decoder } = run
  checkTokens(job, tokens)
  const T = tokens.length
  put(run, buffers.tokens, tokens)
  put(run, buffers.starts, Int32Array.of(0, T))
  decoder.forward({ T, documents: 1 })
  const pointer = decoder.logits(T - 1)
  return new Float32Array(ops.memory.buffer, pointer, job.model.vocabSize).slice()
}

/** Puts one micro-batch after the other into place; the last may be short. */
function* microBatches(run: Run, { tokens, targets, starts }: Batch): Generator<MicroBatch> {
  const { job, buffers } = run
  const tokensMax = job.microBatch * job.sequenceLength
  for (let first = 0; first < tokens.length; first += tokensMax) {
    const T = Math.min(tokensMax, tokens.length - first)
    const documents = documentStarts(starts, first, T, job.sequenceLength)
    put(run, buffers.tokens, tokens.subarray(first, first + T))
    put(run, buffers.targets, targets.subarray(first, first + T))
    put(run, buffers.starts, documents)
    yield { T, documents: documents.length - 1 }
  }
}

function put({ ops }: Run, pointer: Pointer, values: Int32Array): void {
  new Int32Array(ops.memory.buffer, pointer, values.length).set(values)
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
