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
import {
  type Batch,
  checkBatch,
  checkBatchShape,
  checkTokens,
  documentStarts,
  type NumberedBatch,
} from './batch.ts'
import { type BatchShape, type Buffers, placeBuffers } from './buffers.ts'
import { createDecoder, type Decoder, decoderStages, type MicroBatch } from './decoder.ts'
import { createEmbed } from './embedding.ts'
import type { Evaluation } from './evaluation.ts'
import { type Feed, type FeedBoard, feedOf, serveFeed } from './feed.ts'
import { allocateBuffers, loadLayer } from './load-weights.ts'
import { type AdapterLayout, checkAdapter } from './lora.ts'
import { checkMoment, expandMoment, factorMoment } from './moments.ts'
import type { Ops, Pointer } from './ops.ts'
import { placeFrom } from './place.ts'
import { type Rated, ratedIn } from './preference.ts'
import { noneRated, type RatedSums, rateMicroBatch } from './rated-step.ts'
import { ShapeError } from './shape.ts'
import { type Board, createTeam, newBoard, serve } from './threads.ts'
import type { WeightSource } from './weights.ts'

export interface JobShape extends BatchShape {
  hyper: AdamWHyper
}

/**
 * Loss is the mean over the batch's target tokens, or over what of it is rated, before the step.
 * `stopped`: given up on request, and the state is as it was before.
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
  localStep(batch: NumberedBatch, learningRate: number): StepOutcome
  /** Gradient mode: adds the gradient of the batch's summed loss to m. */
  gradient(batch: NumberedBatch): StepOutcome
  /** Gradient mode: m over what its losses were counted by so far, the payload (N). */
  meanGradient(): Float32Array
  /** adapter, m, v: little-endian float32 (N) each. A copy, to be hashed. */
  state(): Uint8Array
  /** The same bytes where they are, to be read at once: the next step changes them. */
  stateInPlace(): Uint8Array
  adapter(): Float32Array
  /** Where it is, in place of the last step's gradient: the next step overwrites it. */
  meanGradientInPlace(): Pointer
  /** base - local (N), the pseudo-gradient. */
  delta(base: Float32Array): Float32Array
  /** Where it is, as above. */
  deltaInPlace(base: Float32Array): Pointer
  /** Codes of v, unbiased. */
  moment(): Uint8Array
  evaluate(batch: Batch): Evaluation
  /** Logits (V) after the last of up to S tokens. */
  logits(tokens: Int32Array): Float32Array
}

/** What a trainer shares with those who help it or watch it. */
export interface Crew {
  board: Board
  /** Brings the layers that are streamed; null: the trainer's own thread reads those, too. */
  feed: Feed | null
  /** Whether the step in progress is to be given up; never true outside of a step. */
  isStopping(): boolean
}

/** How far a trainer has come since `load`. */
interface Progress {
  /** AdamW steps. */
  step: number
  /** Whether v came from a round before. */
  warm: boolean
  /** Target tokens, or what is rated, behind the sum in m, in gradient mode. */
  gradientCount: number
}

/** A job under way: what a trainer holds. */
interface OpenJob {
  ops: Ops
  shape: JobShape
  buffers: Buffers
  decoder: Decoder
  progress: Progress
}

/** Takes all memory of the job from the arena. Throws ShapeError when shapes don't fit. */
export function createTrainer(
  ops: Ops,
  arena: Arena,
  shape: JobShape,
  weights: WeightSource,
  { board, feed, isStopping }: Crew = { board: newBoard(), feed: null, isStopping: () => false },
): Trainer {
  checkBatchShape(shape)
  const place = arena.mark()
  const buffers = allocateBuffers(ops, arena.allocate, shape, weights)
  const team = createTeam(board, shape.threads, decoderStages(ops, buffers, 0), isStopping)
  const own = () => feedOf(buffers.streamedFrom, (layer) => loadLayer(ops, buffers, layer, weights))
  const embed = createEmbed(ops, buffers, weights)
  const decoder = createDecoder(ops, buffers, team, { embed, feed: feed ?? own() })
  const progress = { step: 0, warm: false, gradientCount: 0 }
  const job: OpenJob = { ops, shape, buffers, decoder, progress }
  const { theta, m, v, layout } = buffers
  ops.fill(theta, 0, layout.count)
  ops.fill(m, 0, 2 * layout.count)
  return {
    layout,
    place,
    load: (adapter, moment) => load(job, adapter, moment),
    localStep: (batch, learningRate) => localStep(job, batch, learningRate),
    gradient: (batch) => gradient(job, batch),
    meanGradient: () => read(job, meanGradient(job)),
    meanGradientInPlace: () => meanGradient(job),
    state: () => stateOf(job).slice(),
    stateInPlace: () => stateOf(job),
    adapter: () => read(job, theta),
    delta: (base) => read(job, delta(job, base)),
    deltaInPlace: (base) => delta(job, base),
    moment: () => factorMoment(layout, floats(job, v), unbiasing(job)),
    evaluate: (batch) => evaluate(job, batch),
    logits: (tokens) => logits(job, tokens),
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
  serve(board, decoderStages(ops, buffers, thread))
}

/**
 * Reads the layers that the trainer whose buffers begin at `place` asks for, until the board is
 * closed. @throws what reading does
 */
export function feedTrainer(
  ops: Ops,
  job: JobShape,
  place: Pointer,
  feed: FeedBoard,
  weights: WeightSource,
): void {
  const buffers = placeBuffers(job, placeFrom(place))
  serveFeed(feed, (layer) => loadLayer(ops, buffers, layer, weights))
}

function load(job: OpenJob, adapter: Float32Array, moment: Uint8Array | null): void {
  const { ops, buffers, decoder } = job
  const { layout, theta, m, v } = buffers
  checkAdapter(layout, adapter)
  // Codes that don't fit throw before anything is changed.
  if (moment !== null) checkMoment(layout, moment)
  floats(job, theta).set(adapter)
  decoder.adapterChanged()
  ops.fill(m, 0, 2 * layout.count)
  if (moment !== null) expandMoment(layout, moment, floats(job, v))
  job.progress = { step: 0, warm: moment !== null, gradientCount: 0 }
}

function localStep(job: OpenJob, batch: NumberedBatch, learningRate: number): StepOutcome {
  const { ops, shape, buffers, progress } = job
  const targetTokens = checkBatch(shape, batch)
  if (targetTokens === 0) return { status: 'ok', loss: 0, targetTokens, gradientNorm: 0 }
  const count = lossCount(job, batch, targetTokens)
  const lossSum = accumulateGradient(job, batch, 1 / count)
  if (lossSum === null) return { status: 'stopped' }
  if (!Number.isFinite(lossSum)) return { status: 'non-finite', where: 'loss' }
  const { theta, gradient, m, v, layout } = buffers
  const state = { layout, theta, gradient, m, v }
  const schedule = { learningRate, step: progress.step + 1, warm: progress.warm }
  const outcome = clippedAdamW(ops, state, shape.hyper, schedule)
  job.decoder.adapterChanged()
  if (outcome.status !== 'ok') return outcome
  progress.step += 1
  return { ...outcome, loss: lossSum / count, targetTokens }
}

/** How many losses a batch's is the mean of. */
function lossCount({ shape }: OpenJob, batch: Batch, targetTokens: number): number {
  if (shape.preference === undefined) return targetTokens
  return ratedOf(shape, batch, 0, batch.tokens.length).length
}

function gradient(job: OpenJob, batch: NumberedBatch): StepOutcome {
  const { ops, shape, buffers, progress } = job
  const { m, gradient, layout } = buffers
  const targetTokens = checkBatch(shape, batch)
  if (targetTokens === 0) return { status: 'ok', loss: 0, targetTokens, gradientNorm: 0 }
  const count = lossCount(job, batch, targetTokens)
  const lossSum = accumulateGradient(job, batch, 1)
  if (lossSum === null) return { status: 'stopped' }
  if (!Number.isFinite(lossSum)) return { status: 'non-finite', where: 'loss' }
  const gradientNorm = Math.sqrt(ops.sumSquares(gradient, layout.count)) / count
  if (!Number.isFinite(gradientNorm)) return { status: 'non-finite', where: 'gradient' }
  ops.add(m, gradient, layout.count)
  if (!ops.allFinite(m, layout.count)) return { status: 'non-finite', where: 'moment' }
  progress.gradientCount += count
  return { status: 'ok', loss: lossSum / count, targetTokens, gradientNorm }
}

/** buffers.gradient = scale · gradient of the batch's summed loss, which is returned. */
function accumulateGradient(job: OpenJob, batch: NumberedBatch, scale: number): number | null {
  const { ops, buffers, decoder } = job
  ops.fill(buffers.gradient, 0, buffers.layout.count)
  if (buffers.preference !== undefined) return sumRated(job, batch, scale)?.lossSum ?? null
  if (buffers.noise !== undefined) return drawnGradient(job, batch, scale)
  return sumLosses(job, batch, (part) => decoder.gradient(part, scale))
}

/** The same, while dropout and noise are drawn for the batch. */
function drawnGradient(job: OpenJob, batch: NumberedBatch, scale: number): number | null {
  const { number } = batch
  if (number === undefined || number >>> 0 !== number) {
    throw new ShapeError(
      `Cannot draw for a batch as its 'number' must be an integer >= 0, < 2^32: ` +
        `current value is ${number}`,
    )
  }
  try {
    return sumLosses(job, batch, (part) => {
      setDraw(job, 1, number, part.first)
      return job.decoder.gradient(part, scale)
    })
  } finally {
    // What is evaluated after a step that failed must not be drawn for.
    setDraw(job, 0, 0, 0)
  }
}

/** What the threads read, who begin with a micro-batch after it is written. */
function setDraw(job: OpenJob, ...draw: [isOn: 0 | 1, batch: number, firstToken: number]): void {
  put(job, job.buffers.draw, Int32Array.from(draw.map((word) => word | 0)))
}

function evaluate(job: OpenJob, batch: Batch): Evaluation {
  const targetTokens = checkBatch(job.shape, batch)
  if (job.shape.preference !== undefined && batch.rejected !== undefined) {
    const { lossSum, ...judged } = sumRated(job, batch, 0)!
    return { lossSum, targetTokens, judged }
  }
  const lossSum = sumLosses(job, batch, (part) => job.decoder.losses(part))!
  return { lossSum, targetTokens }
}

/** One left fold over the tokens of all micro-batches, in float64; null when one was given up. */
function sumLosses(job: OpenJob, batch: Batch, work: (part: Placed) => boolean): number | null {
  const { ops, buffers } = job
  let sum = 0
  for (const part of microBatches(job, batch)) {
    if (!work(part)) return null
    const losses = new Float64Array(ops.memory.buffer, buffers.scratch.losses, part.T)
    for (const loss of losses) sum += loss
  }
  return sum
}

/** The same where answers are rated, with scale · the gradient where scale is not 0. */
function sumRated(job: OpenJob, batch: Batch, scale: number): RatedSums | null {
  const { shape } = job
  const work = { ...job, preference: shape.preference! }
  const sums = noneRated()
  for (const part of microBatches(job, batch)) {
    const rated = ratedOf(shape, batch, part.first, part.T)
    if (!rateMicroBatch(work, part, rated, scale, sums)) return null
  }
  return sums
}

/** What is rated of tokens first..first+T-1, counted from `first`. */
function ratedOf(shape: JobShape, batch: Batch, first: number, T: number): Rated[] {
  const { targets, starts, rejected } = batch
  const documents = documentStarts(starts, first, T, shape.sequenceLength)
  const places = new Set(Array.from(rejected ?? [], (at) => at - first))
  const own = targets.subarray(first, first + T)
  return ratedIn(shape.preference!, own, documents, places, shape.sequenceLength)
}

function logits(job: OpenJob, tokens: Int32Array): Float32Array {
  const { ops, shape, buffers, decoder } = job
  checkTokens(shape, tokens)
  const T = tokens.length
  put(job, buffers.tokens, tokens)
  put(job, buffers.starts, Int32Array.of(0, T))
  decoder.forward({ T, documents: 1 })
  const pointer = decoder.logits(T - 1)
  return new Float32Array(ops.memory.buffer, pointer, shape.model.vocabSize).slice()
}

/** A micro-batch that begins with token `first` of its batch. */
type Placed = MicroBatch & { first: number }

/** Puts one micro-batch after the other into place; the last may be short. */
function* microBatches(job: OpenJob, { tokens, targets, starts }: Batch): Generator<Placed> {
  const { shape, buffers } = job
  const tokensMax = shape.microBatch * shape.sequenceLength
  for (let first = 0; first < tokens.length; first += tokensMax) {
    const T = Math.min(tokensMax, tokens.length - first)
    const documents = documentStarts(starts, first, T, shape.sequenceLength)
    put(job, buffers.tokens, tokens.subarray(first, first + T))
    put(job, buffers.targets, targets.subarray(first, first + T))
    put(job, buffers.starts, documents)
    yield { T, documents: documents.length - 1, first }
  }
}

function put({ ops }: OpenJob, pointer: Pointer, values: Int32Array): void {
  new Int32Array(ops.memory.buffer, pointer, values.length).set(values)
}

function meanGradient(job: OpenJob): Pointer {
  const { m, gradient } = job.buffers
  const [sums, to] = [floats(job, m), floats(job, gradient)]
  const count = Math.max(1, job.progress.gradientCount)
  for (let i = 0; i < to.length; i++) to[i] = sums[i]! / count
  return gradient
}

function delta(job: OpenJob, base: Float32Array): Pointer {
  const { theta, gradient } = job.buffers
  const [local, to] = [floats(job, theta), floats(job, gradient)]
  for (let i = 0; i < to.length; i++) to[i] = base[i]! - local[i]!
  return gradient
}

/** A v that started from zero is biased towards it. */
function unbiasing({ shape, progress }: OpenJob): number {
  if (progress.warm || progress.step === 0) return 1
  return biasCorrection(shape.hyper.beta2, progress.step)
}

function stateOf({ ops, buffers }: OpenJob): Uint8Array {
  return new Uint8Array(ops.memory.buffer, buffers.theta, 12 * buffers.layout.count)
}

function floats({ ops, buffers }: OpenJob, pointer: Pointer): Float32Array {
  return new Float32Array(ops.memory.buffer, pointer, buffers.layout.count)
}

function read(job: OpenJob, pointer: Pointer): Float32Array {
  return floats(job, pointer).slice()
}
