/**
 * The kernels, set up for a run: what a compute thread can do, as plain functions and generators. A
 * generator pauses where its driver may look up.
 */

import {
  type Arena,
  adapterLayout,
  applyServerDelta,
  type Batch,
  type Board,
  batchPart,
  type Control,
  createArena,
  createGenerator,
  createTrainer,
  createWasmOps,
  type Evaluation,
  FAIR_TILES,
  type GeneratorShape,
  initialAdapter,
  initialOuterState,
  isStopRequested,
  type JobPause,
  type JobShape,
  localJob,
  type Measured,
  measurePayload,
  newBoard,
  newControl,
  newFeedBoard,
  newSharedMemory,
  type Ops,
  type OuterState,
  openCorrection,
  openMerge,
  type Pointer,
  parseOuterState,
  payloadOf,
  serialiseOuterState,
  sharedFeed,
  type Tiles,
  type Trainer,
} from '../../kernels/index.ts'
import { type Digest, hexToBytes, ProtocolError, type RunConfig } from '../../protocol/index.ts'
import type { OpenWeights, WeightOpener } from '../model/base-weights.ts'
import type { BlobFile } from '../storage/blob-store.ts'
import { bytesOf } from './floats.ts'
import type { FeedData } from './help.ts'
import { hyperOf } from './job.ts'
import { createReader, type Reader } from './reader.ts'
import type { AggregateOutput, CorrectionInput, MergeInput, TrainInput } from './task.ts'

export interface Engine {
  /**
   * Builds the trainer; training and evaluating need it. The job is the
   * run's, as it fits this machine; the file has its base.
   */
  setUp(config: RunConfig, job: JobShape, file: BlobFile): void
  /** `name` is what a stop would be requested by. */
  train(input: TrainInput, name: number): Generator<JobPause>
  /** Milliseconds in which the trainer waited for layers that were still being read. */
  waitedMs(): number
  /** What `train` has done so far, as it is sent up. */
  payload(input: TrainInput): Uint8Array
  /** Yields after each micro-batch. */
  evaluate(input: Batch & { adapter: Float32Array | null }): Generator<Evaluation>
  /** A model to read and write with, in a memory of its own; the file has its base. */
  openReader(shape: GeneratorShape, file: BlobFile, bytesMax?: number): Reader
  /** What a payload of the run is by itself. */
  measure(config: RunConfig, payload: Uint8Array): Measured
  /** One of the two at a time; the payloads follow in their order, in parts. */
  openCorrection(input: CorrectionInput): OpenCorrection
  openMerge(input: MergeInput): OpenMerge
  applyUpdate(config: RunConfig, adapter: Float32Array, update: Uint8Array): Float32Array
}

export interface EngineOptions {
  /** The flag by which another thread stops this one. */
  control?: Control
  /** The tiles of products, by path; see kernels/tune.ts. */
  tiles?: Tiles
  /** Whether `help` starts a thread that reads layers from such a file. */
  canFeed?: (file: BlobFile) => boolean
  /** Starts the other threads; those of an earlier job end. */
  help?: (work: Work) => void
}

/** What other threads are to help with. */
export interface Work {
  memory: WebAssembly.Memory
  job: JobShape
  place: Pointer
  board: Board
  feed: FeedData | null
}

/** A correction in progress: it gives the next outer state. */
export interface OpenCorrection {
  readonly passes: number
  add(payloads: readonly Uint8Array[]): void
  close(): Uint8Array
}

/** A merge in progress. */
export interface OpenMerge {
  readonly passes: number
  add(payloads: readonly Uint8Array[]): void
  close(): AggregateOutput
}

const INITIAL_PAGES = 64
/** No stop is ever requested by this name. */
const UNNAMED = 0

interface Room {
  ops: Ops
  arena: Arena
}

/** Weights that stay open as long as they are read. */
function keptWeights() {
  let kept: OpenWeights | null = null
  return {
    replace(isRead: boolean, weights: OpenWeights): void {
      kept?.close()
      kept = isRead ? weights : null
      if (!isRead) weights.close()
    },
  }
}

/** A linear memory of its own. */
function room(module: WebAssembly.Module, tiles: Tiles): Room {
  const memory = newSharedMemory(INITIAL_PAGES)
  const ops = createWasmOps(module, memory, { tiles })
  return { ops, arena: createArena(memory) }
}

/**
 * @param digestOf SHA-256; the fastest that the platform has
 * @param openWeights opens the file of a base as the platform can, to be read tensor by tensor
 */
export function createEngine(
  module: WebAssembly.Module,
  digestOf: (bytes: Uint8Array) => Digest,
  openWeights: WeightOpener,
  {
    control = newControl(),
    tiles = FAIR_TILES,
    canFeed = () => false,
    help = () => {},
  }: EngineOptions = {},
): Engine {
  // The coordinator aggregates while it evaluates, so the two don't share a memory.
  const server = room(module, tiles)
  const serverStart = server.arena.mark()
  let bench: (Room & { config: RunConfig; trainer: Trainer }) | null = null
  const trained = keptWeights()
  const written = keptWeights()
  /** The training whose step is in progress. */
  let working = UNNAMED
  let waitedMs = 0
  const waiting =
    <A extends unknown[]>(need: (...args: A) => void) =>
    (...args: A) => {
      const begun = performance.now()
      need(...args)
      waitedMs += performance.now() - begun
    }
  const ready = () => {
    if (bench === null) throw new Error('Invariant broken: no model is set up')
    return bench
  }

  return {
    setUp: (config, job, file) => {
      const made = room(module, tiles)
      const weights = openWeights(file, job.model)
      const board = newBoard()
      const isStreamed = job.streamedLayers > 0
      const feed = isStreamed && canFeed(file) ? newFeedBoard() : null
      const layers = feed && sharedFeed(feed, job.model.layerCount - job.streamedLayers)
      const crew = {
        board,
        feed: layers && { need: waiting(layers.need) },
        isStopping: () => working !== UNNAMED && isStopRequested(control, working),
      }
      const trainer = createTrainer(made.ops, made.arena, job, weights, crew)
      trained.replace(isStreamed, weights)
      bench = { ...made, config, trainer }
      const { place } = trainer
      help({ memory: made.ops.memory, job, place, board, feed: feed && { feed, file } })
    },
    train: function* (input, name) {
      const { trainer, config } = ready()
      const steps = localJob(trainer, {
        ...input,
        batch: input,
        mode: config.training.mode,
        codec: config.aggregation.uplink,
        batchTokens: config.training.batchSequences * config.dataset.sequenceLength,
        link: (previous, state) => traceLink(digestOf, previous ?? input.traceStart, state),
      })
      for (;;) {
        working = name
        const { done, value } = steps.next()
        working = UNNAMED
        if (done) return
        yield value
      }
    },
    waitedMs: () => waitedMs,
    payload: ({ adapter }) => {
      const { ops, arena, trainer, config } = ready()
      const { mode } = config.training
      return payloadOf(ops, arena, trainer, { mode, codec: config.aggregation.uplink, adapter })
    },
    evaluate: function* ({ adapter, ...batch }) {
      const { config, trainer } = ready()
      const rows = config.training.microBatch * config.dataset.sequenceLength
      trainer.load(adapter ?? initialAdapter(trainer.layout, config.seed), null)
      for (let at = 0; at < batch.tokens.length; at += rows) {
        yield trainer.evaluate(batchPart(batch, at, Math.min(at + rows, batch.tokens.length)))
      }
    },
    openReader(shape, file, bytesMax) {
      const { ops, arena } = room(module, tiles)
      const weights = openWeights(file, shape.model)
      const generator = createGenerator(ops, arena, shape, weights, bytesMax)
      written.replace(generator.isStreamed, weights)
      return createReader(generator, shape.contextMax)
    },
    measure: (config, payload) => {
      const layout = adapterLayout(config.base.shape, config.adapter)
      const kind = { mode: config.training.mode, codec: config.aggregation.uplink }
      return measurePayload(server.ops, server.arena, layout, kind, payload)
    },
    openCorrection: (input) => {
      server.arena.release(serverStart)
      return correctionOf(server, input)
    },
    openMerge: (input) => {
      // What an earlier one held that was never closed.
      server.arena.release(serverStart)
      return mergeOf(server, input)
    },
    applyUpdate: (config, adapter, update) => {
      const { downlink } = config.aggregation
      const decoded = applyServerDelta(server.ops, server.arena, adapter, downlink, update)
      if (decoded.status === 'ok') return decoded.values
      throw new ProtocolError('malformed', `Cannot apply the update: ${decoded.reason}`)
    },
  }
}

/**
 * trace[k] = SHA-256(trace[k-1] ‖ SHA-256(state)), in raw bytes; trace[-1] = SHA-256(trace seed).
 */
function traceLink(
  digestOf: (bytes: Uint8Array) => Digest,
  previous: Digest,
  state: Uint8Array,
): Digest {
  return digestOf(hexToBytes(previous + digestOf(state)))
}

function correctionOf({ ops, arena }: Room, input: CorrectionInput): OpenCorrection {
  const { config, outerState, ...of } = input
  const state = parsed(outerState)
  if (state.mode === 'gradient') throw new Error('Invariant broken: gradients are not taken back')
  const correction = openCorrection(ops, arena, state, { uplink: config.aggregation.uplink, ...of })
  return { ...correction, close: () => serialiseOuterState(correction.close()) }
}

function mergeOf({ ops, arena }: Room, input: MergeInput): OpenMerge {
  const { config, contributions, merge: rule, learningRate, outerScale } = input
  const layout = adapterLayout(config.base.shape, config.adapter)
  const { uplink, downlink, weightCap, normClip } = config.aggregation
  const before =
    input.outerState === null
      ? initialOuterState(config.training.mode, input.first ?? initialAdapter(layout, config.seed))
      : parsed(input.outerState)
  const merge = openMerge(ops, arena, layout, before, {
    merge: rule,
    uplink,
    downlink,
    learningRate,
    outerScale,
    findsContrary: config.audit.trust !== 'everyone',
    contributions,
    rule: { weightCap, normClip },
    outer: config.outer,
    inner: hyperOf(config.training),
  })
  return {
    passes: merge.passes,
    add: merge.add,
    close: () => {
      const { state, update, counted, rejected, contrary } = merge.close()
      const leaseIdOf = (index: number) => contributions[index]!.leaseId
      return {
        outerState: serialiseOuterState(state),
        adapter: bytesOf(state.adapter),
        update,
        moment: state.mode === 'delta' ? state.moment : null,
        counted: counted.map(({ index, weight, clip }) => ({
          leaseId: leaseIdOf(index),
          weight,
          clip,
        })),
        rejected: rejected.map(({ index, reason }) => ({ leaseId: leaseIdOf(index), reason })),
        contrary: contrary.map(leaseIdOf),
      }
    },
  }
}

/** The bytes are our own, by digest: a state that does not parse is a bug. */
function parsed(bytes: Uint8Array): OuterState {
  const result = parseOuterState(bytes)
  if (result.status === 'ok') return result.state
  throw new Error(`Invariant broken: the outer state is malformed, ${result.reason}`)
}
