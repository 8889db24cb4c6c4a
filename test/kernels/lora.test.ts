import { expect, test } from 'vitest'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { sha256, TINY, TINY_LAYOUT } from './jobs.ts'

const { model, adapter } = TINY

test('the layout is layer, then q k v o gate up down, then A before B, without gaps', () => {
  const names = TINY_LAYOUT.tensors.map(({ layer, target, part }) => `${layer}.${target}.${part}`)
  expect(names.slice(0, 6)).toEqual(['0.q.A', '0.q.B', '0.k.A', '0.k.B', '0.v.A', '0.v.B'])
  expect(names.slice(12, 16)).toEqual(['0.down.A', '0.down.B', '1.q.A', '1.q.B'])
  let offset = 0
  for (const tensor of TINY_LAYOUT.tensors) {
    expect(tensor.offset).toBe(offset)
    offset += tensor.rows * tensor.columns
  }
  expect(TINY_LAYOUT.count).toBe(offset)
})

test('A is (R,I) and B is (O,R)', () => {
  const shapes = TINY_LAYOUT.tensors
    .slice(0, 14)
    .map(({ rows, columns, target, part }) => [target, part, rows, columns])
  expect(shapes).toEqual([
    ['q', 'A', 2, 12],
    ['q', 'B', 16, 2],
    ['k', 'A', 2, 12],
    ['k', 'B', 8, 2],
    ['v', 'A', 2, 12],
    ['v', 'B', 8, 2],
    ['o', 'A', 2, 16],
    ['o', 'B', 12, 2],
    ['gate', 'A', 2, 12],
    ['gate', 'B', 20, 2],
    ['up', 'A', 2, 12],
    ['up', 'B', 20, 2],
    ['down', 'A', 2, 20],
    ['down', 'B', 12, 2],
  ])
})

test('ranks, scales and layers are those of each linear layer', () => {
  const { tensors } = adapterLayout(model, {
    adapterRank: 4,
    alpha: 6,
    targets: ['v', 'q'],
    layers: [1],
    scaling: 'rslora',
    exceptions: [{ layer: 1, target: 'v', adapterRank: 9, alpha: 12 }],
  })
  expect(
    tensors.map(({ layer, target, part, rows, columns, scale }) => [
      layer,
      target,
      part,
      rows,
      columns,
      scale,
    ]),
  ).toEqual([
    [1, 'q', 'A', 4, 12, 3],
    [1, 'q', 'B', 16, 4, 3],
    [1, 'v', 'A', 9, 12, 4],
    [1, 'v', 'B', 8, 9, 4],
  ])
})

test('the order in which targets are named does not matter', () => {
  const named = (targets: typeof adapter.targets) => adapterLayout(model, { ...adapter, targets })
  expect(named(['down', 'q'])).toEqual(named(['q', 'down']))
})

test('A is uniform within 1/sqrt(I), B is zero', () => {
  const wide = adapterLayout({ ...model, hiddenSize: 10_000 }, { ...adapter, targets: ['q'] })
  const values = initialAdapter(wide, 1)
  const [a, b] = wide.tensors
  const drawn = values.subarray(a!.offset, b!.offset)
  const largest = Math.max(...drawn.map(Math.abs))
  expect(largest).toBeLessThanOrEqual(1 / 100)
  expect(largest).toBeGreaterThan(0.99 / 100)
  const variance = drawn.reduce((sum, value) => sum + value ** 2, 0) / drawn.length
  expect(variance * 3 * 10_000).toBeCloseTo(1, 1)
  expect(values.subarray(b!.offset, a!.offset + a!.rows * a!.columns + b!.rows * 2)).toEqual(
    new Float32Array(b!.rows * 2),
  )
})

for (const [seed, digest] of [
  [0, 'f34ed1adc135892f234e7bec86634a779ae16511050baf9a2ec20142d254611b'],
  [20251123, 'dcfa7629dce52ef311b7b739cffb212c56212ec78ef5a857bb2ddcb60f01ca6a'],
  [2 ** 53 - 1, '1b8fb963531d3e89e04fae9faf2cbcc9d33de9d585d7056a30599f1bfbc0274f'],
] as const) {
  test(`the bits of the initial adapter of seed ${seed} are frozen`, () => {
    expect(sha256(new Uint8Array(initialAdapter(TINY_LAYOUT, seed).buffer))).toBe(digest)
  })
}

for (const [what, changes] of [
  ["'hiddenSize' must be a positive multiple of 4", { model: { hiddenSize: 10 } }],
  ["'headDim' must be a positive multiple of 4", { model: { headDim: 6 } }],
  ["'layerCount' must be a positive integer", { model: { layerCount: 0 } }],
  ["'headCount' must be a multiple of 2", { model: { headCount: 3 } }],
  ["'rmsNormEps' must be positive", { model: { rmsNormEps: 0 } }],
  ["'adapterRank' must be a positive integer", { adapter: { adapterRank: 1.5 } }],
  ["'alpha' must be positive", { adapter: { alpha: Number.NaN } }],
  ["'targets' must be one or more of", { adapter: { targets: [] } }],
  ["'targets' must be one or more of", { adapter: { targets: ['q', 'q'] } }],
  ["'targets' must be one or more of", { adapter: { targets: ['head'] } }],
  ["'layers' must be rising, from 0 to 1", { adapter: { layers: [] } }],
  ["'layers' must be rising, from 0 to 1", { adapter: { layers: [1, 0] } }],
  ["'layers' must be rising, from 0 to 1", { adapter: { layers: [2] } }],
  [
    "'exceptions' must be of layers that have an adapter",
    { adapter: { layers: [0], exceptions: [{ layer: 1, target: 'q', adapterRank: 1, alpha: 1 }] } },
  ],
  [
    "'exceptions' must be in canonical order",
    {
      adapter: {
        exceptions: ['v', 'q'].map((target) => ({ layer: 1, target, adapterRank: 1, alpha: 1 })),
      },
    },
  ],
] as [string, { model?: object; adapter?: object }][]) {
  test(`a layout is refused as ${what}: ${JSON.stringify(changes)}`, () => {
    const layout = () =>
      adapterLayout({ ...model, ...changes.model }, { ...adapter, ...changes.adapter })
    expect(layout).toThrow(ShapeError)
    expect(layout).toThrow(what)
  })
}

for (const seed of [-1, 0.5, 2 ** 53]) {
  test(`the seed ${seed} is refused`, () => {
    expect(() => initialAdapter(TINY_LAYOUT, seed)).toThrow(ShapeError)
  })
}
