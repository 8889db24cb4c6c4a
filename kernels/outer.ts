/**
 * The coordinator's step: a mean delta or gradient moves theta, and the adapter that everyone holds
 * follows it by a quantised server delta.
 *
 * A delta is base minus local, a pseudo-gradient, so both modes descend. What quantisation leaves
 * out of one server delta is part of the next, since each is theta minus the adapter as everyone
 * has it: error feedback without a buffer.
 * Source: Douillard et al. 2023, DiLoCo, algorithm 1 (outer Nesterov).
 */
import { type AdamWHyper, type AdamWOutcome, clippedAdamW } from './adamw.ts'
import type { Arena } from './arena.ts'
import { type Codec, type Decoded, decode, encode } from './compress.ts'
import type { AdapterLayout } from './lora.ts'
import type { Ops } from './ops.ts'
import type { DeltaState, GradientState, OuterState } from './outer-state.ts'
import { ShapeError } from './shape.ts'

export interface OuterHyper {
  /** eta */
  learningRate: number
  /** mu */
  momentum: number
}

/** b <- mu·b + delta; theta <- theta - eta·(delta + mu·b), in float64, rounded when stored. */
export function outerNesterov(
  state: DeltaState,
  delta: Float32Array,
  { learningRate, momentum: mu }: OuterHyper,
): DeltaState {
  assertLength(delta, state)
  const theta = state.theta.slice()
  const momentum = state.momentum.slice()
  for (let i = 0; i < theta.length; i++) {
    momentum[i] = mu * momentum[i]! + delta[i]!
    theta[i] = theta[i]! - learningRate * (delta[i]! + mu * momentum[i]!)
  }
  return { ...state, theta, momentum }
}

/** One AdamW step with the mean gradient: what one machine with the whole batch would do. */
export function outerAdamW(
  ops: Ops,
  arena: Arena,
  layout: AdapterLayout,
  state: GradientState,
  gradient: Float32Array,
  hyper: AdamWHyper,
  learningRate: number,
): { outcome: AdamWOutcome; state: GradientState } {
  assertLength(gradient, state)
  const n = state.theta.length
  const step = state.step + 1
  const mark = arena.mark()
  const place = (name: string, values: Float32Array) => {
    const pointer = arena.allocate(name, 4 * n)
    new Float32Array(ops.memory.buffer, pointer, n).set(values)
    return pointer
  }
  const buffers = {
    layout,
    theta: place('theta', state.theta),
    gradient: place('gradient', gradient),
    m: place('m', state.m),
    v: place('v', state.v),
  }
  const outcome = clippedAdamW(ops, buffers, hyper, { learningRate, step, warm: false })
  const read = (pointer: number) => new Float32Array(ops.memory.buffer, pointer, n).slice()
  const [theta, m, v] = [read(buffers.theta), read(buffers.m), read(buffers.v)]
  arena.release(mark)
  return { outcome, state: outcome.status === 'ok' ? { ...state, theta, m, v, step } : state }
}

/** The bytes that move everyone's adapter towards theta, and the state with the adapter moved. */
export function publishAdapter<State extends OuterState>(
  ops: Ops,
  arena: Arena,
  state: State,
  codec: Codec,
): { bytes: Uint8Array; state: State } {
  const { theta, adapter } = state
  const update = codec === 'float32' ? theta : theta.map((value, i) => value - adapter[i]!)
  const bytes = encode(ops, arena, codec, update)
  const moved = applyServerDelta(ops, arena, adapter, codec, bytes)
  if (moved.status === 'malformed') throw new ShapeError(`Cannot publish: ${moved.reason}`)
  return { bytes, state: { ...state, adapter: moved.values } }
}

/**
 * The next adapter of everyone who holds `adapter`. In float32 the server delta is the new adapter
 * itself, as a float32 difference would not add up to it.
 */
export function applyServerDelta(
  ops: Ops,
  arena: Arena,
  adapter: Float32Array,
  codec: Codec,
  bytes: Uint8Array,
): Decoded {
  const decoded = decode(ops, arena, codec, bytes, adapter.length)
  if (decoded.status === 'malformed' || codec === 'float32') return decoded
  return { status: 'ok', values: decoded.values.map((value, i) => adapter[i]! + value) }
}

function assertLength(update: Float32Array, { theta }: OuterState): void {
  if (update.length === theta.length) return
  throw new ShapeError(
    `Cannot take an outer step as the update must have ${theta.length} scalars: ` +
      `current value is ${update.length}`,
  )
}
