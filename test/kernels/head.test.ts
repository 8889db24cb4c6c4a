/** The gradient below a large vocabulary: its order is defined, and it keeps its digits. */
import { expect, test } from 'vitest'
import type { Buffers } from '../../kernels/buffers.ts'
import { weightBytes } from '../../kernels/frozen.ts'
import { headBackward } from '../../kernels/head.ts'
import type { Thread } from '../../kernels/layer.ts'
import type { FrozenWeight } from '../../kernels/ops.ts'
import { VOCABULARY_BLOCK } from '../../kernels/own-scratch.ts'
import { MACHINES, type Machine, randomFloats, relativeError, TINY } from './jobs.ts'

const [ROWS, D, V] = [3, 12, 2 * VOCABULARY_BLOCK + 57]
const LOGITS = randomFloats(ROWS * V, 1, 1)
const HEAD = randomFloats(V * D, 0.6, 2)
const f = Math.fround

function gradient({ ops, arena }: Machine): Float32Array {
  const place = (values: Float32Array) => {
    const at = arena.allocate('values', values.byteLength)
    new Float32Array(ops.memory.buffer, at, values.length).set(values)
    return at
  }
  const head: FrozenWeight = {
    kind: 'float32',
    values: place(new Float32Array(weightBytes('float32', V, D).values / 4)),
    scales: 0,
    outputs: V,
    inputs: D,
  }
  ops.storeWeight(head, place(HEAD))
  const own = { logits: place(LOGITS), partial: place(new Float32Array(ROWS * D)) }
  const dnormed = place(new Float32Array(ROWS * D))
  const model = { ...TINY.model, vocabSize: V, hiddenSize: D }
  const buffers = { model, kernels: TINY.kernels, head } as Buffers
  headBackward({ ops, buffers, own } as Thread, dnormed, ROWS)
  return new Float32Array(ops.memory.buffer, dnormed, ROWS * D).slice()
}

/** The same, folded by `add`, in blocks of so many words. */
function folded(block: number, add: (a: number, b: number) => number): Float64Array {
  return Float64Array.from({ length: ROWS * D }, (_, at) => {
    const [row, column] = [Math.floor(at / D), at % D]
    let sum = 0
    for (let first = 0; first < V; first += block) {
      let part = 0
      for (let word = first; word < Math.min(V, first + block); word++) {
        part = add(part, add(LOGITS[row * V + word]! * HEAD[word * D + column]!, 0))
      }
      sum = first === 0 ? part : add(sum, part)
    }
    return sum
  })
}

for (const [machine, create] of MACHINES) {
  test(`${machine}: words are folded block by block, and the blocks' sums in their order`, () => {
    const expected = folded(VOCABULARY_BLOCK, (a, b) => f(a + b))
    expect(Float64Array.from(gradient(create()))).toEqual(expected)
  })
}

test('blocks keep digits that one fold over all words loses', () => {
  const exact = folded(V, (a, b) => a + b)
  const blocked = relativeError(
    folded(VOCABULARY_BLOCK, (a, b) => f(a + b)),
    exact,
  )
  expect(blocked).toBeLessThan(
    relativeError(
      folded(V, (a, b) => f(a + b)),
      exact,
    ),
  )
})
