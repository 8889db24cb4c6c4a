/** The table of buffers and the base that fills part of it. */
import { expect, test } from 'vitest'
import { ALIGNMENT_BYTES, WORKSPACE_BYTES } from '../../kernels/arena.ts'
import { QUERY_BLOCK, TOKEN_BLOCK } from '../../kernels/own-scratch.ts'
import { planMemory } from '../../kernels/plan.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { createTrainer, type JobShape } from '../../kernels/train-step.ts'
import { MACHINES, newTrainer, randomWeights, TINY } from './jobs.ts'
import { MODEL_135M } from './model-135m.ts'

const untied: JobShape = { ...TINY, model: { ...TINY.model, tiedHead: false } }

/** An example of what a plan says. */
const SMOLLM: JobShape = {
  ...TINY,
  model: MODEL_135M,
  adapter: { ...TINY.adapter, adapterRank: 8 },
  sequenceLength: 512,
  microBatch: 2,
}

function bytesOf(job: JobShape, pattern: RegExp): number {
  return planMemory(job)
    .buffers.filter(({ name }) => pattern.test(name))
    .reduce((sum, { bytes }) => sum + bytes, 0)
}

for (const [what, job] of [
  ['tied', TINY],
  ['untied', untied],
  ['few targets', { ...TINY, adapter: { ...TINY.adapter, targets: ['v'] } }],
] as [string, JobShape][]) {
  test(`a trainer takes what the plan says, and nothing in its steps: ${what}`, () => {
    const { ops, arena } = MACHINES[1]![1]()
    const before = arena.top
    const trainer = newTrainer({ ops, arena }, job)
    const taken = arena.top - before
    const { buffers, bytes } = planMemory(job)
    expect(taken).toBe(bytes)
    expect(buffers.every((buffer) => buffer.bytes % ALIGNMENT_BYTES === 0)).toBe(true)
    const tokens = new Int32Array(2 * job.sequenceLength)
    trainer.localStep({ tokens, targets: tokens }, 0.1)
    trainer.evaluate({ tokens, targets: tokens })
    trainer.logits(tokens.subarray(0, 2))
    expect(arena.top - before).toBe(bytes)
  })
}

test('names in the plan are unique, and every weight has its place', () => {
  const names = planMemory(untied).buffers.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  const groups = ['qkv', 'o', 'gateUp', 'down'].map((group) => `layers.1.${group}.weight`)
  const norms = ['model.norm.weight', 'model.layers.0.input_layernorm.weight']
  const rest = ['model.embed_tokens.weight', 'lm_head.weight']
  for (const name of [...groups, ...norms, ...rest]) expect(names).toContain(name)
})

test('a plan of 135M parameters: the base once, no (T,V), no (S,S) for all heads', () => {
  expect(bytesOf(SMOLLM, /weight$/)).toBe(4 * 134_515_008)
  expect(bytesOf(SMOLLM, /^state$/)).toBe(3 * 4 * 2_442_240)
  expect(bytesOf(SMOLLM, /logits/)).toBe(4 * TOKEN_BLOCK * 49_152)
  expect(bytesOf(SMOLLM, /scores/)).toBe(2 * 4 * QUERY_BLOCK * 512)
  const perToken = 2 * 576 + 2 + 576 + 2 * 192 + 576 + 2 * 1536 + 7 * 8
  expect(bytesOf(SMOLLM, /^layers.*(?<!weight|weight scales)$/)).toBe(4 * 30 * 1024 * perToken)
})

for (const [base, bytes] of [
  ['bfloat16', 2 * 134_479_872],
  ['int8', 134_479_872 + 4 * (49_152 + 30 * (960 + 576 + 3072 + 576))],
] as const) {
  test(`the frozen base of 135M parameters as ${base}`, () => {
    const job: JobShape = { ...SMOLLM, kernels: { base, path: 'float32' } }
    const norms = 4 * 61 * 576
    expect(bytesOf(job, /weight( scales)?$/) - norms).toBe(bytes)
  })
}

test('layers that run forward twice keep their inputs and their h, and share the rest', () => {
  const job = { ...SMOLLM, recomputedLayers: 30 }
  const perToken = 2 + 576 + 2 * 192 + 576 + 576 + 2 * 1536
  expect(bytesOf(job, /^layers.*(x|h)$/)).toBe(4 * 30 * 1024 * (576 + 7 * 8))
  expect(bytesOf(job, /^shared/)).toBe(4 * 1024 * perToken)
})

test('each thread more costs its own logits, scores and packing', () => {
  const more = planMemory({ ...SMOLLM, threads: 3 }).bytes - planMemory(SMOLLM).bytes
  const logits = 4 * TOKEN_BLOCK * 49_152
  const partial = 4 * TOKEN_BLOCK * 576
  expect(more).toBe(2 * (logits + partial + 2 * 4 * QUERY_BLOCK * 512 + WORKSPACE_BYTES))
})

for (const [name, shape, count, message] of [
  [
    'model.norm.weight',
    [11],
    11,
    "Cannot load 'model.norm.weight' as its shape must be (12): current value is (11)",
  ],
  [
    'model.layers.1.self_attn.k_proj.weight',
    [12, 8],
    96,
    'must be (8,12): current value is (12,8)',
  ],
  ['model.embed_tokens.weight', [11, 12], 131, 'current value is (11,12) with 131 numbers'],
  ['lm_head.weight', [12, 12], 144, "'lm_head.weight' as its shape must be (11,12)"],
] as const) {
  test(`a base is refused when ${name} has shape (${shape}) and ${count} numbers`, () => {
    const { ops, arena } = MACHINES[1]![1]()
    const source = randomWeights(untied.model, 1)
    const wrong = {
      tensor: (wanted: string) =>
        wanted === name ? { shape, values: new Float32Array(count) } : source.tensor(wanted),
    }
    expect(() => createTrainer(ops, arena, untied, wrong)).toThrow(ShapeError)
    expect(() => createTrainer(ops, arena, untied, wrong)).toThrow(message)
  })
}
