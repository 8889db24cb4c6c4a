/**
 * A base that lies in blocks: the same bits as the same base in float32, whatever kinds are side by
 * side, in a fraction of the memory, and refused where its source has other blocks.
 */
import { expect, test } from 'vitest'
import { BLOCK_KINDS } from '../../kernels/blocks.ts'
import { createGenerator } from '../../kernels/generator.ts'
import type { StorageKind } from '../../kernels/ops.ts'
import { philox } from '../../kernels/philox.ts'
import { planMemory } from '../../kernels/plan.ts'
import { ShapeError, TARGETS } from '../../kernels/shape.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { weightMatrices } from '../../kernels/weights.ts'
import { blockWeights, kindsInTurn, type Words } from './block-weights.ts'
import { MACHINES, randomAdapter, randomBatch, randomWeights, sha256, TINY } from './jobs.ts'

const draw: Words = (count, seed) =>
  Uint32Array.from({ length: count }, (_, i) => philox([seed, 5], [i >>> 2, 0, 0, 0])[i & 3]!)

const FLOAT32 = { base: 'float32', path: 'float32' } as const

/** Rows that every kind fills. */
const MODEL = {
  ...TINY.model,
  hiddenSize: 256,
  intermediateSize: 256,
  headCount: 4,
  kvHeadCount: 2,
  headDim: 64,
  tiedHead: false,
}

function jobOf(kinds: readonly StorageKind[]): JobShape {
  const all = kindsInTurn(MODEL, kinds)
  return { ...TINY, model: MODEL, kernels: { base: 'blocks', path: 'float32', kinds: all } }
}

const sourceOf = ({ model, kernels }: JobShape) =>
  blockWeights(model, kernels.kinds!, randomWeights(model, 3), draw)

/** The state after two steps. */
function stateOf(create: (typeof MACHINES)[number][1], job: JobShape, source = sourceOf(job)) {
  const { ops, arena } = create()
  const trainer = createTrainer(ops, arena, job, source)
  trainer.load(randomAdapter(trainer.layout, 7), null)
  for (const seed of [1, 2]) {
    const { status } = trainer.localStep(randomBatch(job, 2, seed), 1e-3)
    expect(status).toBe('ok')
  }
  return sha256(trainer.state())
}

const [, createWasm] = MACHINES[1]!

for (const [what, kinds] of [
  ...BLOCK_KINDS.map((kind) => [kind, [kind]] as const),
  ['a mixture', [...BLOCK_KINDS, 'float32'] as const],
] as const) {
  const job = jobOf(kinds)
  test(`${what}: two steps end in the bits of the same base in float32`, () => {
    const source = sourceOf(job)
    expect(stateOf(createWasm, job)).toBe(stateOf(createWasm, { ...job, kernels: FLOAT32 }, source))
  })
}

test('reference and wasm agree, with layers that run forward twice too', () => {
  const job = jobOf([...BLOCK_KINDS, 'float32'])
  const state = stateOf(createWasm, job)
  expect(stateOf(createWasm, { ...job, recomputedLayers: 2 })).toBe(state)
  expect(stateOf(MACHINES[0]![1], job)).toBe(state)
})

test('a generator writes with the logits of the same base in float32', () => {
  const job = jobOf([...BLOCK_KINDS])
  const logits = [job.kernels, FLOAT32].map((kernels) => {
    const { ops, arena } = createWasm()
    const shape = { ...job, kernels, contextMax: 8 }
    const generator = createGenerator(ops, arena, shape, sourceOf(job))
    generator.load(null)
    generator.extend(Int32Array.of(1, 2, 3))
    return generator.extend(Int32Array.of(4))
  })
  expect(logits[0]).toEqual(logits[1])
  expect(logits[0]!.every(Number.isFinite)).toBe(true)
})

/** The sizes of a model of 1.1 billion parameters, whose file has what Q4_K_M has. */
const LARGE: JobShape = {
  ...TINY,
  model: {
    ...TINY.model,
    vocabSize: 32_000,
    hiddenSize: 2048,
    intermediateSize: 5632,
    layerCount: 22,
    headCount: 32,
    kvHeadCount: 4,
    headDim: 64,
    tiedHead: false,
  },
}

test('a base as Q4_K_M has it takes less than 0.3 of the same in float32', () => {
  const matrices = weightMatrices(LARGE.model).map(({ name }) => name)
  const kinds = matrices.map((name): StorageKind => {
    const layer = Number(/layers\.(\d+)/.exec(name)?.[1] ?? 0)
    const isBetter = layer < 3 || layer > 18 || layer % 3 === 2
    if (name === 'lm_head.weight') return 'Q6_K'
    return isBetter && /v_proj|down_proj/.test(name) ? 'Q6_K' : 'Q4_K'
  })
  const bytesOf = (kernels: JobShape['kernels']) =>
    planMemory({ ...LARGE, kernels })
      .buffers.filter(({ name }) => /weight( \d)?( scales)?$/.test(name))
      .reduce((sum, { bytes }) => sum + bytes, 0)
  const ratio = bytesOf({ base: 'blocks', path: 'float32', kinds }) / bytesOf(FLOAT32)
  expect(ratio).toBeLessThan(0.3)
  // Nothing takes fewer bits than Q4_K.
  expect(ratio).toBeGreaterThan(144 / 1024)
})

test('a base is refused whose file has other blocks, or whose rows are none', () => {
  const job = jobOf(['Q4_K'])
  const make = (own: JobShape, source = sourceOf(job)) => {
    const { ops, arena } = createWasm()
    return () => createTrainer(ops, arena, own, source)
  }
  expect(make(jobOf(['Q5_K']))).toThrow(ShapeError)
  expect(make(jobOf(['Q5_K']))).toThrow(
    "'model.embed_tokens.weight' as its blocks must be Q5_K (11,256): current value is Q4_K",
  )
  expect(make(job, { ...sourceOf(job), blocks: randomWeights(MODEL, 1).blocks! })).toThrow(
    'current value is none',
  )
  const short = { ...job, kernels: { ...job.kernels, kinds: ['Q4_K'] as const } }
  expect(make(short)).toThrow(`a base of ${2 + 2 * TARGETS.length} matrices in 1 'kinds'`)
  const thin = { ...job, model: { ...MODEL, intermediateSize: 128 } }
  expect(make(thin)).toThrow('rows of 128 are no Q4_K blocks')
})
