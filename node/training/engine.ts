/**
 * The kernels, set up for a run: what a compute thread can do, as plain functions and generators. A
 * generator pauses where its driver may look up.
 */
import type { Measured } from '../../kernels/aggregate.ts'
import { createArena, newSharedMemory } from '../../kernels/arena.ts'
import { type Batch, batchPart } from '../../kernels/batch.ts'
import { type Control, isStopRequested, newControl } from '../../kernels/control.ts'
import { createGenerator, type GeneratorShape } from '../../kernels/generator.ts'
import { type JobPause, localJob, payloadOf } from '../../kernels/local-job.ts'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import type { Ops } from '../../kernels/ops.ts'
import { createWasmOps } from '../../kernels/ops-wasm.ts'
import { applyServerDelta } from '../../kernels/outer.ts'
import {
  initialOuterState,
  type OuterState,
  parseOuterState,
  serialiseOuterState,
} from '../../kernels/outer-state.ts'
import { measurePayload, openMerge } from '../../kernels/server-round.ts'
import { type Board, newBoard } from '../../kernels/threads.ts'
import { FAIR_TILES, type Tiles } from '../../kernels/tile-template.ts'
import { createTrainer, type JobShape, type Trainer } from '../../kernels/train-step.ts'
import type { WeightSource } from '../../kernels/weights.ts'
import { type Digest, hexToBytes } from '../../protocol/digest.ts'
import { ProtocolError } from '../../protocol/errors.ts'
import type { RunConfig } from '../../protocol/run-config.ts'
import { weightsFromBytes } from '../model/base-weights.ts'
import { bytesOf } from './floats.ts'
import { hyperOf } from './job.ts'
import { createReader, type Reader } from './reader.ts'
import type { AggregateOutput, MergeInput, TrainInput } from './task.ts'

export interface Engine {
  /**
   * Builds the trainer; training and evaluating need it. The job is the
   * run's, as it fits this machine.
   */
  setUp(config: RunConfig, job: JobShape, weights: Uint8Array): void
  /** `name` is what a stop would be requested by. */
  train(input: TrainInput, name: number): Generator<JobPause>
  /** What `train` has done so far, as it is sent up. */
  payload(input: TrainInput): Uint8Array
  /** Yields after each micro-batch. */
  evaluate(
    input: Batch & { adapter: Float32Array | null },
  ): Generator<{ lossSum: number; targetTokens: number }>
  /** A model to read and write with, in a memory of its own. */
  openReader(shape: GeneratorShape, weights: WeightSource): Reader
  /** What a payload of the run is by itself. */
  measure(config: RunConfig, payload: Uint8Array): Measured
  /** One at a time; the payloads follow in their order, in parts. */
  openMerge(input: MergeInput): OpenMerge
  applyUpdate(config: RunConfig, adapter: Float32Array, update: Uint8Array): Float32Array
}

export interface EngineOptions {
  /** By which another thread stops this one. */
  control?: Control
  /** Of products, by path; see tune.ts. */
  tiles?: Tiles
  /** Starts the other threads, and returns what ends them. */
  help?: (work: { memory: WebAssembly.Memory; job: JobShape; place: number; board: Board }) => void
}

/** A merge in progress. */
export interface OpenMerge {
  add(payloads: readonly Uint8Array[]): void
  close(): AggregateOutput
}

const INITIAL_PAGES = 64
/** No stop is ever requested by this name. */
const UNNAMED = 0

interface Room {
  ops: Ops
  arena: ReturnType<typeof createArena>
}

/** A linear memory of its own. */
function room(module: WebAssembly.Module, tiles: Tiles): Room {
  const memory = newSharedMemory(INITIAL_PAGES)
  const ops = createWasmOps(module, memory, { tiles })
  return { ops, arena: createArena(memory) }
}

/** @param digestOf SHA-256; the fastest that the platform has */
export function createEngine(
  module: WebAssembly.Module,
  digestOf: (bytes: Uint8Array) => Digest,
  { control = newControl(), tiles = FAIR_TILES, help = () => {} }: EngineOptions = {},
): Engine {
  // The coordinator aggregates while it evaluates, so the two don't share a memory.
  const server = room(module, tiles)
  const serverStart = server.arena.mark()
  let bench: (Room & { config: RunConfig; trainer: Trainer }) | null = null
  /** The training whose step is in progress. */
  let working = UNNAMED
  const ready = () => {
    if (bench === null) throw new Error('Invariant broken: no model is set up')
    return bench
  }

  function load(adapter: Float32Array | null): Trainer {
    const { trainer, config } = ready()
    trainer.load(adapter ?? initialAdapter(trainer.layout, config.seed), null)
    return trainer
  }

  return {
    setUp: (config, job, weights) => {
      const made = room(module, tiles)
      const board = newBoard()
      const source = weightsFromBytes(config.base.shape, weights)
      const crew = {
        board,
        isStopping: () => working !== UNNAMED && isStopRequested(control, working),
      }
      const trainer = createTrainer(made.ops, made.arena, job, source, crew)
      bench = { ...made, config, trainer }
      help({ memory: made.ops.memory, job, place: trainer.place, board })
    },
    train: function* (input, name) {
      const { trainer, config } = ready()
      const steps = localJob(trainer, {
        ...input,
        batch: input,
        mode: config.training.mode,
        codec: config.aggregation.uplink,
        batchTokens: config.training.batchSequences * config.dataset.sequenceLength,
        link: (previous, state) => traceLink(digestOf, input.traceSeed, previous, state),
      })
      for (;;) {
        working = name
        const { done, value } = steps.next()
        working = UNNAMED
        if (done) return
        yield value
      }
    },
    payload: ({ adapter }) => {
      const { ops, arena, trainer, config } = ready()
      const { mode } = config.training
      return payloadOf(ops, arena, trainer, { mode, codec: config.aggregation.uplink, adapter })
    },
    evaluate: function* ({ adapter, ...batch }) {
      const trainer = load(adapter)
      const { config } = ready()
      const rows = config.training.microBatch * config.dataset.sequenceLength
      for (let at = 0; at < batch.tokens.length; at += rows) {
        yield trainer.evaluate(batchPart(batch, at, Math.min(at + rows, batch.tokens.length)))
      }
    },
    openReader(shape, weights) {
      const { ops, arena } = room(module, tiles)
      return createReader(createGenerator(ops, arena, shape, weights), shape.contextMax)
    },
    measure: (config, payload) => {
      const layout = adapterLayout(config.base.shape, config.adapter)
      const kind = { mode: config.training.mode, codec: config.aggregation.uplink }
      return measurePayload(server.ops, server.arena, layout, kind, payload)
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
  seed: Uint8Array,
  previous: Digest | null,
  state: Uint8Array,
): Digest {
  return digestOf(hexToBytes((previous ?? digestOf(seed)) + digestOf(state)))
}

function mergeOf({ ops, arena }: Room, input: MergeInput): OpenMerge {
  const { config, contributions, learningRate, outerScale } = input
  const layout = adapterLayout(config.base.shape, config.adapter)
  const { uplink, downlink, weightCap, normClip } = config.aggregation
  const before =
    input.outerState === null
      ? initialOuterState(config.training.mode, initialAdapter(layout, config.seed))
      : parsed(input.outerState)
  const merge = openMerge(ops, arena, layout, before, {
    ...{ uplink, downlink, learningRate, outerScale, contributions },
    rule: { weightCap, normClip },
    outer: config.outer,
    inner: hyperOf(config.training),
  })
  return {
    add: merge.add,
    close: () => {
      const { state, update, rejected } = merge.close()
      return {
        outerState: serialiseOuterState(state),
        adapter: bytesOf(state.adapter),
        update,
        moment: state.mode === 'delta' ? state.moment : null,
        rejected: rejected.map(({ index, reason }) => ({
          leaseId: contributions[index]!.leaseId,
          reason,
        })),
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
