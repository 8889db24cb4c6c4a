/** Logits, gradients and ten losses of a tiny random LLaMA, against transformers and peft. */
import { expect, test } from 'vitest'
import { createTrainer } from '../../kernels/train-step.ts'
import { MACHINES, relativeError } from './jobs.ts'
import { llamaVectors } from './llama-vectors.ts'

for (const [machine, create] of MACHINES) {
  for (const name of ['llama-tied', 'llama-untied'] as const) {
    const vectors = llamaVectors(name)
    const V = vectors.job.model.vocabSize
    const newTrainer = (sequenceLength = vectors.job.sequenceLength) => {
      const { ops, arena } = create()
      const trainer = createTrainer(ops, arena, { ...vectors.job, sequenceLength }, vectors.weights)
      trainer.load(vectors.adapter, null)
      return trainer
    }

    for (const [length, S] of [
      ['short', vectors.job.sequenceLength],
      ['long', vectors.long.tokens.length],
    ] as const) {
      const { tokens, targets, positions, logits, loss, gradients } = vectors[length]
      const title = `${machine}, ${name}, ${length} sequences`

      test(`${title}: logits within 1e-4`, () => {
        const trainer = newTrainer(S)
        for (const [row, position] of positions.entries()) {
          const expected = logits.subarray(row * V, (row + 1) * V)
          const error = relativeError(trainer.logits(tokens.subarray(0, position + 1)), expected)
          expect(error, `after token ${position}`).toBeLessThan(1e-4)
        }
      })

      test(`${title}: loss and gradients within 1e-4, tensor by tensor`, () => {
        const trainer = newTrainer(S)
        expect(trainer.gradient({ tokens, targets })).toMatchObject({
          loss: expect.closeTo(loss, 4),
        })
        const { lossSum, targetTokens } = trainer.evaluate({ tokens, targets })
        expect(Math.abs(lossSum / targetTokens / loss - 1)).toBeLessThan(1e-4)
        const gradient = trainer.meanGradient()
        for (const { layer, target, part, offset, rows, columns } of trainer.layout.tensors) {
          const own = (values: Float32Array) => values.subarray(offset, offset + rows * columns)
          const error = relativeError(own(gradient), own(gradients))
          expect(error, `layer ${layer} ${target} ${part}`).toBeLessThan(1e-4)
        }
      })
    }

    test(`${machine}, ${name}: ten training losses within 1e-3`, () => {
      const trainer = newTrainer()
      const losses = vectors.batches.map((batch) => {
        const outcome = trainer.localStep(batch, vectors.learningRate)
        return outcome.status === 'ok' ? outcome.loss : Number.NaN
      })
      expect(losses).toHaveLength(10)
      for (const [step, loss] of vectors.losses.entries()) {
        expect(Math.abs(losses[step]! / loss - 1), `step ${step}`).toBeLessThan(1e-3)
      }
    })
  }
}
