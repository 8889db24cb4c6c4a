/**
 * What the coordinator carries from round to round, and its canonical bytes.
 *
 *   u32 format   u32 mode   u32 N   u32 step   u32 bytes of moment (0: none)     all little-endian
 *   theta  adapter  then momentum (delta mode) or m  v (gradient mode), float32 (N) each
 *   moment
 */
import { ShapeError } from './shape.ts'

interface Shared {
  /** The coordinator's own parameters (N), which no one else sees. */
  theta: Float32Array
  /** The canonical adapter (N): what everyone holds and trains from; follows theta. */
  adapter: Float32Array
}

/** Averaged local steps, outer Nesterov. */
export interface DeltaState extends Shared {
  mode: 'delta'
  momentum: Float32Array
  /** Codes of the second moment, see moments.ts; null before the first round. */
  moment: Uint8Array | null
}

/** Averaged gradients, AdamW. */
export interface GradientState extends Shared {
  mode: 'gradient'
  m: Float32Array
  v: Float32Array
  /** Steps taken. */
  step: number
}

export type OuterState = DeltaState | GradientState

export type ParsedOuterState =
  | { status: 'ok'; state: OuterState }
  | { status: 'malformed'; reason: string }

const FORMAT = 1
const MODES = ['delta', 'gradient'] as const
const HEADER_BYTES = 20

export function initialOuterState(mode: OuterState['mode'], adapter: Float32Array): OuterState {
  const zeros = () => new Float32Array(adapter.length)
  const shared = { theta: adapter.slice(), adapter: adapter.slice() }
  if (mode === 'delta') return { mode, ...shared, momentum: zeros(), moment: null }
  return { mode, ...shared, m: zeros(), v: zeros(), step: 0 }
}

export function serialiseOuterState(state: OuterState): Uint8Array {
  const count = state.theta.length
  const arrays = arraysOf(state)
  const moment = momentOf(state)
  const bytes = new Uint8Array(HEADER_BYTES + 4 * count * arrays.length + moment.length)
  const mode = MODES.indexOf(state.mode)
  const step = state.mode === 'gradient' ? state.step : 0
  const header = Uint32Array.of(FORMAT, mode, count, step, moment.length)
  bytes.set(new Uint8Array(header.buffer))
  let at = HEADER_BYTES
  for (const { buffer, byteOffset, byteLength, length } of arrays) {
    if (length !== count) {
      throw new ShapeError(`Cannot serialise a state of ${count} scalars with ${length}`)
    }
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at)
    at += byteLength
  }
  bytes.set(moment, at)
  return bytes
}

export function parseOuterState(bytes: Uint8Array): ParsedOuterState {
  if (bytes.length < HEADER_BYTES) return malformed(`it ends after ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const field = (index: number) => view.getUint32(4 * index, true)
  const mode = MODES[field(1)]
  const [count, step, momentBytes] = [field(2), field(3), field(4)]
  if (field(0) !== FORMAT || mode === undefined) return malformed('its format is unknown')
  if ((mode === 'delta' ? step : momentBytes) !== 0) {
    return malformed(`a state of mode ${mode} has a field of the other mode`)
  }
  const arrayCount = mode === 'delta' ? 3 : 4
  const expected = HEADER_BYTES + 4 * count * arrayCount + momentBytes
  if (bytes.length !== expected) {
    return malformed(`it announces ${expected} bytes: got ${bytes.length}`)
  }
  const { buffer } = bytes.slice(HEADER_BYTES)
  const floats = (index: number) => new Float32Array(buffer, 4 * count * index, count).slice()
  const [theta, adapter] = [floats(0), floats(1)]
  const state: OuterState =
    mode === 'delta'
      ? { mode, theta, adapter, momentum: floats(2), moment: codes(bytes, momentBytes) }
      : { mode, theta, adapter, m: floats(2), v: floats(3), step }
  if (!arraysOf(state).every((array) => array.every(Number.isFinite))) {
    return malformed('a value is not finite')
  }
  return { status: 'ok', state }
}

function arraysOf(state: OuterState): Float32Array[] {
  const { theta, adapter } = state
  return state.mode === 'delta'
    ? [theta, adapter, state.momentum]
    : [theta, adapter, state.m, state.v]
}

function momentOf(state: OuterState): Uint8Array {
  return state.mode === 'delta' && state.moment !== null ? state.moment : new Uint8Array(0)
}

function codes(bytes: Uint8Array, count: number): Uint8Array | null {
  return count === 0 ? null : bytes.slice(bytes.length - count)
}

function malformed(reason: string): ParsedOuterState {
  return { status: 'malformed', reason: `Cannot read the outer state as ${reason}` }
}
