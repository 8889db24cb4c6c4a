/** Each family against transformers and peft: config, logits, loss and gradients. */
import { expect, test } from 'vitest'
import { createGenerator } from '../../kernels/generator.ts'
import { createTrainer } from '../../kernels/train-step.ts'
import { weightTensors } from '../../kernels/weights.ts'
import { parseModelConfig } from '../../node/model/config.ts'
import { MACHINES, relativeError, TINY } from '../kernels/jobs.ts'
import { FAMILIES, type Family, weightsOf } from './family-vectors.ts'
import { bytesOfJson, floatsOfBase64 } from './fixtures.ts'

type Create = (typeof MACHINES)[number][1]

function trained(family: Family, create: Create, recomputedLayers = 0) {
  const { ops, arena } = create()
  const { shape } = parseModelConfig(bytesOfJson(family.config))
  const job = {
    ...TINY,
    model: shape,
    adapter: family.adapterShape,
    microBatch: 1,
    recomputedLayers,
    sequenceLength: family.sequenceLength,
  }
  const trainer = createTrainer(ops, arena, job, weightsOf(family))
  trainer.load(floatsOfBase64(family.adapter), null)
  return trainer
}

for (const [name, family] of Object.entries(FAMILIES)) {
  test(`${name} has no tensor that we would leave unread`, () => {
    const { shape } = parseModelConfig(bytesOfJson(family.config))
    const read = weightTensors(shape).map((tensor) => tensor.name)
    expect(read.sort()).toEqual(Object.keys(family.weights).sort())
  })

  test(`${name}: layers that run forward twice give the same bits`, () => {
    const [, create] = MACHINES[1]!
    const batch = { tokens: Int32Array.from(family.ids), targets: Int32Array.from(family.targets) }
    const [kept, twice] = [0, 2].map((recomputedLayers) => {
      const trainer = trained(family, create, recomputedLayers)
      trainer.gradient(batch)
      return trainer.meanGradient()
    })
    expect(twice).toEqual(kept)
  })

  test(`${name}: read token by token, the same bits`, () => {
    const [, create] = MACHINES[1]!
    const { ops, arena } = create()
    const { shape: model } = parseModelConfig(bytesOfJson(family.config))
    const contextMax = family.sequenceLength
    const shape = { ...TINY, model, adapter: family.adapterShape, contextMax }
    const generator = createGenerator(ops, arena, shape, weightsOf(family))
    generator.load(floatsOfBase64(family.adapter))
    const ids = Int32Array.from(family.ids.slice(0, contextMax))
    generator.extend(ids.subarray(0, 7))
    for (let at = 7; at < contextMax - 1; at++) generator.extend(ids.subarray(at, at + 1))
    const last = generator.extend(ids.subarray(contextMax - 1))
    expect(last).toEqual(trained(family, create).logits(ids))
  })

  for (const [machine, create] of MACHINES) {
    test(`${name}, ${machine}: logits within 1e-4`, () => {
      const trainer = trained(family, create)
      const ids = Int32Array.from(family.ids.slice(0, family.sequenceLength))
      const error = relativeError(trainer.logits(ids), floatsOfBase64(family.logits))
      expect(error).toBeLessThan(1e-4)
    })

    test(`${name}, ${machine}: loss and gradients within 1e-4, tensor by tensor`, () => {
      const trainer = trained(family, create)
      const [tokens, targets] = [Int32Array.from(family.ids), Int32Array.from(family.targets)]
      const outcome = trainer.gradient({ tokens, targets })
      expect(outcome).toMatchObject({ status: 'ok', loss: expect.closeTo(family.loss, 4) })
      const [gradient, expected] = [trainer.meanGradient(), floatsOfBase64(family.gradients)]
      for (const { layer, target, part, offset, rows, columns } of trainer.layout.tensors) {
        const own = (values: Float32Array) => values.subarray(offset, offset + rows * columns)
        const error = relativeError(own(gradient), own(expected))
        expect(error, `layer ${layer} ${target} ${part}`).toBeLessThan(1e-4)
      }
    })
  }
}
