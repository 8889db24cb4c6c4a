/** The laws of a trainer: what its bytes depend on, and what they do not. */
import { expect, test } from 'vitest'
import { adapterLayout, initialAdapter } from '../../kernels/lora.ts'
import { expandMoment, factorMoment } from '../../kernels/moments.ts'
import { ShapeError, type Target } from '../../kernels/shape.ts'
import { createTrainer, type JobShape, type Trainer } from '../../kernels/train-step.ts'
import {
  type Batch,
  MACHINES,
  newTrainer,
  randomAdapter,
  randomBatch,
  randomFloats,
  randomWeights,
  relativeError,
  sha256,
  TINY,
  TINY_LAYOUT,
} from './jobs.ts'

const LEARNING_RATE = 0.01
const EMPTY = new Int32Array(0)
const ADAPTER = randomAdapter(TINY_LAYOUT, 5)
const BATCHES = [1, 2, 3, 4].map((seed) => randomBatch(TINY, 4, seed))
const [reference, wasm] = MACHINES.map(([, create]) => create) as [
  (typeof MACHINES)[number][1],
  (typeof MACHINES)[number][1],
]

/** Codes of a v that some round has left. */
const WARM = factorMoment(
  TINY_LAYOUT,
  randomFloats(TINY_LAYOUT.count, 1e-3, 6).map((value) => value ** 2),
)

function arraysOf(trainer: Trainer): Record<'theta' | 'm' | 'v', Float32Array> {
  const { buffer } = trainer.state()
  const [theta, m, v] = [0, 1, 2].map(
    (i) => new Float32Array(buffer, 4 * TINY_LAYOUT.count * i, TINY_LAYOUT.count),
  ) as [Float32Array, Float32Array, Float32Array]
  return { theta, m, v }
}

/** Runs `steps` steps and returns the state's digest after each. */
function digests(trainer: Trainer, steps: number, adapter = ADAPTER): string[] {
  trainer.load(adapter, null)
  return BATCHES.slice(0, steps).map(({ tokens, targets }) => {
    const outcome = trainer.localStep({ tokens, targets }, LEARNING_RATE)
    expect(outcome.status).toBe('ok')
    return sha256(trainer.state())
  })
}

const CANONICAL = digests(newTrainer(reference()), BATCHES.length)

for (const [what, job] of [
  ['one sequence a micro-batch', { ...TINY, microBatch: 1 }],
  ['all sequences in one micro-batch', { ...TINY, microBatch: 4 }],
  ['a short last micro-batch', { ...TINY, microBatch: 3 }],
  ['more room than sequences', { ...TINY, microBatch: 9 }],
  ['layers that run forward twice', { ...TINY, recomputedLayers: TINY.model.layerCount }],
  ['a layer that does', { ...TINY, recomputedLayers: 1 }],
  ['both', { ...TINY, microBatch: 1, recomputedLayers: 2 }],
  ['room for more threads than there are', { ...TINY, threads: 3 }],
] as [string, JobShape][]) {
  for (const [machine, create] of MACHINES) {
    test(`${machine}: ${what} leaves every bit of the state as it is`, () => {
      expect(digests(newTrainer(create(), job), BATCHES.length)).toEqual(CANONICAL)
    })
  }
}

/** Shapes whose products have ragged edges, so that tiles and lanes are not full. */
for (const [what, model] of [
  ['as many key heads as query heads', { kvHeadCount: 4 }],
  ['one key head', { kvHeadCount: 1 }],
  ['an untied head of odd size', { tiedHead: false, vocabSize: 37 }],
  ['wider sizes', { hiddenSize: 28, intermediateSize: 52, headDim: 20 }],
  [
    'biases, normed heads, slowed positions',
    { qkvBias: true, headNorm: true, ropeDivisors: [1, 3] },
  ],
] as const) {
  test(`reference and wasm agree on every bit with ${what}`, () => {
    const job = { ...TINY, model: { ...TINY.model, ...model } }
    const adapter = randomAdapter(adapterLayout(job.model, job.adapter), 6)
    expect(digests(newTrainer(wasm(), job), 2, adapter)).toEqual(
      digests(newTrainer(reference(), job), 2, adapter),
    )
  })
}

/** Ranks, scales and layers of their own, in groups that share an x. */
const VARIED: JobShape = {
  ...TINY,
  adapter: {
    ...TINY.adapter,
    scaling: 'rslora',
    exceptions: [
      { layer: 0, target: 'k', adapterRank: 5, alpha: 3 },
      { layer: 0, target: 'up', adapterRank: 2, alpha: 1 },
      { layer: 1, target: 'q', adapterRank: 1, alpha: 7 },
      { layer: 1, target: 'down', adapterRank: 3, alpha: 2 },
    ],
  },
}

const LAST_LAYER: JobShape = { ...TINY, adapter: { ...TINY.adapter, layers: [1] } }
const FIRST_LAYER: JobShape = { ...TINY, adapter: { ...TINY.adapter, layers: [0] } }

for (const [what, job] of [
  ['ranks and scales of their own', VARIED],
  ['adapters in the last layer alone', LAST_LAYER],
  ['adapters in the first layer alone', FIRST_LAYER],
] as const) {
  test(`${what}: the same bits by reference and wasm, however they are worked off`, () => {
    const adapter = randomAdapter(adapterLayout(job.model, job.adapter), 6)
    const expected = digests(newTrainer(reference(), job), 2, adapter)
    for (const change of [{}, { microBatch: 1 }, { recomputedLayers: 2 }, { threads: 3 }]) {
      expect(digests(newTrainer(wasm(), { ...job, ...change }), 2, adapter)).toEqual(expected)
    }
  })
}

test('reference and wasm agree on long sequences, which go block by block', () => {
  const job = { ...TINY, sequenceLength: 150, microBatch: 1 }
  const batch = randomBatch(job, 1, 7)
  const states = [reference, wasm].map((create) => {
    const trainer = newTrainer(create(), job)
    trainer.load(ADAPTER, null)
    const outcome = trainer.localStep(batch, LEARNING_RATE)
    return [outcome, sha256(trainer.state())]
  })
  expect(states[1]).toEqual(states[0])
})

test('after h steps the state is that of a longer run after h steps', () => {
  const trainer = newTrainer(wasm())
  for (let steps = 1; steps <= BATCHES.length; steps++) {
    expect(digests(trainer, steps)).toEqual(CANONICAL.slice(0, steps))
  }
})

test('reading, evaluating and generating in between changes nothing', () => {
  const trainer = newTrainer(wasm())
  trainer.load(ADAPTER, null)
  const after = BATCHES.map(({ tokens, targets }) => {
    trainer.localStep({ tokens, targets }, LEARNING_RATE)
    trainer.evaluate({ tokens, targets })
    trainer.logits(tokens.subarray(0, 3))
    trainer.moment()
    trainer.adapter().fill(0)
    return sha256(trainer.state())
  })
  expect(after).toEqual(CANONICAL)
})

test('load forgets the lease before', () => {
  const trainer = newTrainer(wasm())
  trainer.load(randomAdapter(TINY_LAYOUT, 8), WARM)
  const { tokens, targets } = BATCHES[3]!
  trainer.localStep({ tokens, targets }, LEARNING_RATE)
  trainer.gradient({ tokens, targets })
  expect(digests(trainer, BATCHES.length)).toEqual(CANONICAL)
})

test('an adapter with B = 0 computes what the base does, whatever A is', () => {
  const [one, two] = [1, 2].map((seed) => {
    const trainer = newTrainer(wasm())
    trainer.load(initialAdapter(TINY_LAYOUT, seed), null)
    return trainer.logits(BATCHES[0]!.tokens.subarray(0, 5))
  })
  expect(one).toEqual(two)
})

for (const targets of [['q'], ['v', 'down'], ['gate', 'up'], ['o']] as Target[][]) {
  test(`an adapter on ${targets} alone has the gradient it has among zeros`, () => {
    const job = { ...TINY, adapter: { ...TINY.adapter, targets } }
    const few = newTrainer(wasm(), job)
    const all = newTrainer(wasm())
    const values = ADAPTER.slice()
    const own = new Float32Array(few.layout.count)
    for (const { layer, target, part, offset, rows, columns } of TINY_LAYOUT.tensors) {
      const same = few.layout.tensors.find(
        (t) => t.layer === layer && t.target === target && t.part === part,
      )
      const tensor = values.subarray(offset, offset + rows * columns)
      if (same === undefined) tensor.fill(0)
      else own.set(tensor, same.offset)
    }
    few.load(own, null)
    all.load(values, null)
    const { tokens, targets: wanted } = BATCHES[0]!
    few.gradient({ tokens, targets: wanted })
    all.gradient({ tokens, targets: wanted })
    for (const { layer, target, part, offset, rows, columns } of few.layout.tensors) {
      const same = all.layout.tensors.find(
        (t) => t.layer === layer && t.target === target && t.part === part,
      )!
      const size = rows * columns
      const got = few.meanGradient().subarray(offset, offset + size)
      const expected = all.meanGradient().subarray(same.offset, same.offset + size)
      expect(relativeError(got, expected), `${layer} ${target} ${part}`).toBeLessThan(1e-5)
    }
  })
}

test('the loss of a batch is over all its targets, not a mean of micro-batch means', () => {
  const trainer = newTrainer(wasm(), { ...TINY, microBatch: 1 })
  const { tokens } = BATCHES[0]!
  const targets = BATCHES[0]!.targets.slice()
  targets.fill(-1, 1, 2 * TINY.sequenceLength)
  trainer.load(ADAPTER, null)
  const { lossSum, targetTokens } = trainer.evaluate({ tokens, targets })
  const outcome = trainer.localStep({ tokens, targets }, LEARNING_RATE)
  expect(outcome).toMatchObject({ status: 'ok', targetTokens, loss: lossSum / targetTokens })
})

test('a batch without targets changes nothing', () => {
  const trainer = newTrainer(wasm())
  trainer.load(ADAPTER, null)
  const { tokens, targets } = BATCHES[0]!
  const batch = { tokens, targets: targets.map(() => -1) }
  const before = trainer.state()
  for (const outcome of [trainer.localStep(batch, LEARNING_RATE), trainer.gradient(batch)]) {
    expect(outcome).toEqual({ status: 'ok', loss: 0, targetTokens: 0, gradientNorm: 0 })
  }
  expect(trainer.state()).toEqual(before)
  expect(trainer.meanGradient()).toEqual(new Float32Array(TINY_LAYOUT.count))
})

test('delta is base minus local', () => {
  const trainer = newTrainer(wasm())
  digests(trainer, 2)
  const local = trainer.adapter()
  expect(trainer.delta(ADAPTER)).toEqual(ADAPTER.map((base, i) => base - local[i]!))
})

test('a gradient of ten times the clip enters m at a tenth of its length', () => {
  const norm = (gradientClip: number) => {
    const trainer = newTrainer(wasm(), { ...TINY, hyper: { ...TINY.hyper, gradientClip } })
    trainer.load(ADAPTER, null)
    const outcome = trainer.localStep(BATCHES[0]!, LEARNING_RATE)
    const { m } = arraysOf(trainer)
    const size = Math.sqrt(m.reduce((sum, value) => sum + value ** 2, 0)) / 0.1
    return { outcome, size }
  }
  const free = norm(1e6)
  expect(free.outcome).toMatchObject({ gradientNorm: expect.closeTo(free.size, 4) })
  expect(norm(free.size / 10).size).toBeCloseTo(free.size / 10, 5)
})

test('a warm moment is what v starts from, and comes back when no step is taken', () => {
  const trainer = newTrainer(wasm())
  trainer.load(ADAPTER, WARM)
  expect(arraysOf(trainer).v).toEqual(expandMoment(TINY_LAYOUT, WARM))
  // Rows and columns are rounded on their own, so that their totals differ a little.
  const moved = trainer.moment().map((code, i) => Math.abs(code - WARM[i]!))
  expect(Math.max(...moved)).toBeLessThan(2)
})

for (const [what, moment, steps, mBias, vBias] of [
  ['cold, first', null, 1, 1 - 0.9, 1 - 0.99],
  ['cold, third', null, 3, 1 - 0.9 ** 3, 1 - 0.99 ** 3],
  ['warm, first', WARM, 1, 1 - 0.9, 1],
  ['warm, third', WARM, 3, 1 - 0.9 ** 3, 1],
] as const) {
  test(`a ${what} step moves theta by Adam's ratio of what m and v then are`, () => {
    const trainer = newTrainer(wasm())
    trainer.load(ADAPTER, moment)
    let before = ADAPTER
    for (const { tokens, targets } of BATCHES.slice(0, steps)) {
      before = trainer.adapter()
      trainer.localStep({ tokens, targets }, LEARNING_RATE)
    }
    const { theta, m, v } = arraysOf(trainer)
    for (const [i, value] of theta.entries()) {
      const ratio = m[i]! / mBias / (Math.sqrt(v[i]! / vBias) + 1e-8)
      const clamped = Math.max(-2, Math.min(2, ratio))
      expect(value, `scalar ${i}`).toBeCloseTo(before[i]! - LEARNING_RATE * clamped, 6)
    }
    const unbiased = factorMoment(
      TINY_LAYOUT,
      v.map((value) => value / vBias),
    )
    const apart = trainer.moment().map((code, i) => Math.abs(code - unbiased[i]!))
    expect(Math.max(...apart)).toBeLessThan(2)
  })
}

/** A base in which one number is not finite. */
for (const [where, name, value] of [
  ['loss', 'model.norm.weight', Number.NaN],
  ['loss', 'model.layers.1.mlp.down_proj.weight', Number.POSITIVE_INFINITY],
] as const) {
  for (const [machine, create] of MACHINES) {
    test(`${machine}: ${value} in ${name} ends the step as ${where}, the adapter untouched`, () => {
      const { ops, arena } = create()
      const source = randomWeights(TINY.model, 1)
      const trainer = createTrainer(ops, arena, TINY, {
        tensor(wanted) {
          const { shape, values } = source.tensor(wanted)
          if (wanted === name) values[1] = value
          return { shape, values }
        },
      })
      trainer.load(ADAPTER, null)
      const { tokens, targets } = BATCHES[0]!
      const outcome = { status: 'non-finite', where }
      expect(trainer.localStep({ tokens, targets }, LEARNING_RATE)).toEqual(outcome)
      expect(trainer.gradient({ tokens, targets })).toEqual(outcome)
      expect(trainer.adapter()).toEqual(ADAPTER)
    })
  }
}

for (const [machine, create] of MACHINES) {
  test(`${machine}: a gradient that overflows under a finite loss is refused as gradient`, () => {
    const { ops, arena } = create()
    const source = randomWeights(TINY.model, 1)
    const trainer = createTrainer(ops, arena, TINY, {
      tensor(name) {
        const { shape, values } = source.tensor(name)
        return { shape, values: name === 'model.norm.weight' ? values.fill(1e5) : values }
      },
    })
    // A is huge and B is zero: the output is the base's, the gradient of B is not of this world.
    const last = TINY_LAYOUT.tensors.at(-2)!
    const adapter = new Float32Array(TINY_LAYOUT.count)
    adapter.fill(1e37, last.offset, last.offset + last.rows * last.columns)
    trainer.load(adapter, null)
    const { tokens, targets } = BATCHES[0]!
    const before = trainer.state()
    const outcome = { status: 'non-finite', where: 'gradient' }
    expect(Number.isFinite(trainer.evaluate({ tokens, targets }).lossSum)).toBe(true)
    expect(trainer.localStep({ tokens, targets }, LEARNING_RATE)).toEqual(outcome)
    expect(trainer.gradient({ tokens, targets })).toEqual(outcome)
    expect(trainer.state()).toEqual(before)
  })
}

/** Batches that do not fit the job. */
for (const [message, change] of [
  ["'tokens' must be of sequences of 6", (b) => ({ ...b, tokens: b.tokens.subarray(1) })],
  ["'tokens' must be of sequences of 6", () => ({ tokens: EMPTY, targets: EMPTY })],
  ["'targets' must be of 24 tokens", (b) => ({ ...b, targets: b.targets.subarray(6) })],
  ["'tokens' must lie in 0 to 10", (b) => ({ ...b, tokens: b.tokens.with(3, 11) })],
  ["'tokens' must lie in 0 to 10", (b) => ({ ...b, tokens: b.tokens.with(3, -1) })],
  ["'targets' must lie in -1 to 10", (b) => ({ ...b, targets: b.targets.with(3, -2) })],
] as [string, (batch: Batch) => Batch][]) {
  test(`a batch is refused as ${message}`, () => {
    const trainer = newTrainer(wasm())
    const { tokens, targets } = change(BATCHES[0]!)
    for (const run of [
      () => trainer.localStep({ tokens, targets }, LEARNING_RATE),
      () => trainer.evaluate({ tokens, targets }),
    ]) {
      expect(run).toThrow(ShapeError)
      expect(run).toThrow(message)
    }
  })
}

test('what does not fit is refused by name', () => {
  const trainer = newTrainer(wasm())
  for (const [run, message] of [
    [() => trainer.load(new Float32Array(3), null), 'must have 768 scalars: current value is 3'],
    [() => trainer.load(ADAPTER, new Uint8Array(3)), "'codes' must have length"],
    [() => trainer.logits(EMPTY), "'tokens' must be of 1 to S tokens: current value is 0"],
    [() => trainer.logits(new Int32Array(7)), 'current value is 7'],
    [() => newTrainer(wasm(), { ...TINY, microBatch: 0 }), "'microBatch' must be a positive"],
    [() => newTrainer(wasm(), { ...TINY, sequenceLength: 1.5 }), "'sequenceLength' must be a pos"],
  ] as const) {
    expect(run).toThrow(ShapeError)
    expect(run).toThrow(message)
  }
})
