/** The coordinator's state as bytes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  initialOuterState,
  type OuterState,
  parseOuterState,
  serialiseOuterState,
} from '../../kernels/outer-state.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { randomFloats, sha256 } from './jobs.ts'

const shared = { theta: randomFloats(6, 1, 1), adapter: randomFloats(6, 1, 2) }
const momentum = randomFloats(6, 1, 3)
const moment = Uint8Array.of(1, 2, 3, 4, 5)
const m = randomFloats(6, 1, 4)
const v = randomFloats(6, 1, 5).map(Math.abs)

const STATES: [name: string, state: OuterState, bytes: number, digest: string][] = [
  [
    'delta',
    { mode: 'delta', ...shared, momentum, moment },
    20 + 72 + 5,
    'e9ae55890715416121819e972c31702d13ecf6f939d38381fa59ca0a2d820379',
  ],
  [
    'delta, cold',
    { mode: 'delta', ...shared, momentum, moment: null },
    20 + 72,
    'bdd99f0b6e1bb1186de515f2aa11f9cee3009a266969ad8f2bff529558c53a15',
  ],
  [
    'gradient',
    { mode: 'gradient', ...shared, m, v, step: 7 },
    20 + 96,
    'ed648fe28186545065599b67f143e8bacb5c3e6f6ec18e50338c87a6b9d239d9',
  ],
]

for (const [name, state, length, digest] of STATES) {
  test(`a state of mode ${name} comes back from its bytes, which are frozen`, () => {
    const bytes = serialiseOuterState(state)
    expect(bytes.length).toBe(length)
    expect(parseOuterState(bytes)).toEqual({ status: 'ok', state })
    expect(sha256(bytes)).toBe(digest)
  })

  test(`a state of mode ${name}, cut or lengthened anywhere, is malformed`, () => {
    const bytes = serialiseOuterState(state)
    for (let end = 0; end < bytes.length; end++) {
      expect(parseOuterState(bytes.subarray(0, end)).status).toBe('malformed')
    }
    expect(parseOuterState(Uint8Array.of(...bytes, 0)).status).toBe('malformed')
  })
}

test('the parser reads views that start anywhere', () => {
  const [, state] = STATES[0]!
  const bytes = serialiseOuterState(state)
  const shifted = new Uint8Array(bytes.length + 3)
  shifted.set(bytes, 3)
  expect(parseOuterState(shifted.subarray(3))).toEqual({ status: 'ok', state })
})

for (const [what, at, value] of [
  ['another format', 0, 2],
  ['an unknown mode', 4, 2],
  ['more scalars than bytes', 11, 0xff],
  ['a step in delta mode', 12, 1],
  ['a longer moment', 16, 6],
  ['an infinite theta', 20 + 2, null],
] as const) {
  test(`a state with ${what} is malformed`, () => {
    const bytes = serialiseOuterState(STATES[0]![1])
    if (value === null) bytes.set([0x80, 0x7f], at)
    else bytes[at] = value
    expect(parseOuterState(bytes)).toMatchObject({ status: 'malformed' })
  })
}

test('any bytes are parsed or malformed, never thrown at', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    expect(['ok', 'malformed']).toContain(parseOuterState(bytes).status)
  })
  fc.assert(property)
})

test('both modes start from the adapter, at rest', () => {
  const adapter = randomFloats(4, 1, 6)
  const zeros = new Float32Array(4)
  const start = { theta: adapter, adapter }
  const atRest = { mode: 'delta', ...start, momentum: zeros, moment: null }
  expect(initialOuterState('delta', adapter)).toEqual(atRest)
  expect(initialOuterState('gradient', adapter)).toEqual({
    mode: 'gradient',
    ...start,
    m: zeros,
    v: zeros,
    step: 0,
  })
})

test('arrays of unequal length are a bug and throw', () => {
  const state: OuterState = {
    mode: 'delta',
    ...shared,
    momentum: new Float32Array(5),
    moment: null,
  }
  expect(() => serialiseOuterState(state)).toThrow(ShapeError)
})
