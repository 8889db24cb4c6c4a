/** Losses, margins and gradients of preference, against trl's own. */
import { expect, test } from 'vitest'
import { createTrainer } from '../../kernels/train-step.ts'
import { MACHINES, relativeError } from './jobs.ts'
import { PREFERENCE_CASES } from './preference-vectors.ts'

for (const one of PREFERENCE_CASES) {
  for (const [machine, create] of MACHINES) {
    test(`${machine}, ${one.name}: loss, margin and gradients within 1e-4 of trl`, () => {
      const { ops, arena } = create()
      const trainer = createTrainer(ops, arena, one.job, one.weights)
      trainer.load(one.adapter, null)
      const { lossSum, judged } = trainer.evaluate(one.batch)
      const { rated, right, marginSum } = judged!
      expect(Math.abs(lossSum / rated / one.loss - 1)).toBeLessThan(1e-4)
      expect(Math.abs(marginSum / rated / one.margin - 1)).toBeLessThan(1e-4)
      expect(right).toBe(one.right)
      const outcome = trainer.gradient(one.batch)
      expect(outcome.status === 'ok' && outcome.loss).toBe(lossSum / rated)
      const gradient = trainer.meanGradient()
      expect(gradient.length).toBe(one.gradients.length)
      for (const { layer, target, part, offset, rows, columns } of trainer.layout.tensors) {
        const own = (values: Float32Array) => values.subarray(offset, offset + rows * columns)
        const error = relativeError(own(gradient), own(one.gradients))
        expect(error, `layer ${layer} ${target} ${part}`).toBeLessThan(1e-4)
      }
    })
  }
}
