/** A generator says what a forward over the whole text says, bit for bit, however it is fed. */
import { expect, test } from 'vitest'
import {
  createGenerator,
  type Generator,
  type GeneratorShape,
  generatorBytes,
} from '../../kernels/generator.ts'
import { ShapeError } from '../../kernels/shape.ts'
import { createTrainer } from '../../kernels/train-step.ts'
import { MACHINES, randomAdapter, randomBatch, randomWeights, TINY, TINY_LAYOUT } from './jobs.ts'

const LENGTH = 150
const WEIGHTS = randomWeights(TINY.model, 1)
const ADAPTER = randomAdapter(TINY_LAYOUT, 5)
const JOB = { ...TINY, sequenceLength: LENGTH, microBatch: 1 }
const { tokens, targets } = randomBatch(JOB, 1, 2)
const { model, adapter, kernels } = TINY
const SHAPE: GeneratorShape = { model, adapter, kernels, contextMax: LENGTH }

function generatorOf(create: (typeof MACHINES)[number][1], shape = SHAPE): Generator {
  const { ops, arena } = create()
  return createGenerator(ops, arena, shape, WEIGHTS)
}

function trainerOf(create: (typeof MACHINES)[number][1]) {
  const { ops, arena } = create()
  const trainer = createTrainer(ops, arena, JOB, WEIGHTS)
  trainer.load(ADAPTER, null)
  return trainer
}

for (const [machine, create] of MACHINES) {
  for (const [how, sizes] of [
    ['at once', [LENGTH]],
    ['token by token', Array.from({ length: LENGTH }, () => 1)],
    ['in pieces', [1, 5, 64, 2, 77, 1]],
  ] as const) {
    test(`${machine}: a text given ${how} ends in the logits of one forward`, () => {
      const generator = generatorOf(create)
      generator.load(ADAPTER)
      let logits: Float32Array = new Float32Array(0)
      for (const size of sizes) {
        const at = generator.length
        logits = generator.extend(tokens.subarray(at, at + size))
      }
      expect(logits).toEqual(trainerOf(create).logits(tokens))
    })
  }

  test(`${machine}: it takes the memory that is said before`, () => {
    const { ops, arena } = create()
    const before = arena.top
    createGenerator(ops, arena, SHAPE, WEIGHTS)
    expect(generatorBytes(SHAPE)).toBe(arena.top - before)
  })

  test(`${machine}: scores add up to the trainer's loss`, () => {
    const generator = generatorOf(create)
    generator.load(ADAPTER)
    const { losses, hits } = generator.score(tokens, targets)
    const { lossSum } = trainerOf(create).evaluate({ tokens, targets })
    expect(losses.reduce((sum, loss) => sum + loss, 0)).toBe(lossSum)
    generator.load(ADAPTER)
    const likeliest = Array.from(tokens, (token) => {
      const logits = generator.extend(Int32Array.of(token))
      return logits.indexOf(Math.max(...logits))
    })
    expect([...hits]).toEqual(likeliest.map((id, i) => (id === targets[i] ? 1 : 0)))
  })
}

const wasm = MACHINES[1]![1]

test('after a rewind it goes on as if the rest had never been', () => {
  const generator = generatorOf(wasm)
  generator.load(ADAPTER)
  generator.extend(tokens.subarray(50, 90))
  generator.rewind(0)
  generator.extend(tokens.subarray(0, 20))
  generator.extend(tokens.subarray(70, 100))
  generator.rewind(20)
  expect(generator.extend(tokens.subarray(20))).toEqual(trainerOf(wasm).logits(tokens))
})

test('without an adapter it is the base, whatever adapter there is room for', () => {
  const generators = [adapter, { adapterRank: 1, alpha: 1, targets: ['q'] } as const]
  const [logits, same] = generators.map((shape) => {
    const generator = generatorOf(wasm, { ...SHAPE, adapter: shape })
    generator.load(null)
    return generator.extend(tokens)
  })
  expect(logits).toEqual(same)
})

for (const [what, run] of [
  ['more tokens than the context holds', (g: Generator) => g.extend(new Int32Array(LENGTH + 1))],
  ['more tokens than there is room left', (g: Generator) => g.extend(tokens) && g.extend(tokens)],
  ['no token', (g: Generator) => g.extend(new Int32Array(0))],
  ['a token of no vocabulary', (g: Generator) => g.extend(Int32Array.of(model.vocabSize))],
  ['targets of another text', (g: Generator) => g.score(tokens, targets.subarray(1))],
  ['a rewind forward', (g: Generator) => g.rewind(1)],
  ['an adapter of another shape', (g: Generator) => g.load(ADAPTER.subarray(1))],
] as const) {
  test(`a generator refuses ${what}`, () => {
    const generator = generatorOf(wasm)
    generator.load(null)
    expect(() => run(generator)).toThrow(ShapeError)
  })
}

for (const [machine, create] of MACHINES) {
  test(`${machine}: a base without room for it is streamed, to the same logits`, () => {
    const deep = { ...TINY.model, layerCount: 5, vocabSize: 512, tiedHead: false }
    const shape = { ...SHAPE, model: deep }
    const whole = generatorBytes(shape)
    const generators = [whole, whole - 1].map((bytesMax) => {
      const { ops, arena } = create()
      const before = arena.mark()
      const generator = createGenerator(ops, arena, shape, randomWeights(deep, 1), bytesMax)
      expect(arena.top - before).toBeLessThanOrEqual(bytesMax)
      return generator
    })
    expect(generators.map(({ isStreamed }) => isStreamed)).toEqual([false, true])
    const logits = generators.map((generator) => {
      generator.load(null)
      return [generator.extend(tokens.subarray(0, 9)), generator.extend(tokens.subarray(9, 12))]
    })
    expect(logits[1]).toEqual(logits[0])
  })
}
