/** Against transformers and peft: logits, gradients and ten losses of a tiny random LLaMA. */
import { expect, test } from 'vitest'
import { createTrainer } from '../../kernels/train-step.ts'
import { MACHINES, relativeError } from './jobs.ts'
import { llamaVectors } from './llama-vectors.ts'

for (const [machine, create] of MACHINES) {
  for (const name of ['llama-tied', 'llama-untied'] as const) {
    const vectors = llamaVectors(name)
    const { sequenceLength: S, model } = vectors.job
    const { tokens, targets } = vectors.batches[0]!
    const newTrainer = () => {
      const { ops, arena } = create()
      const trainer = createTrainer(ops, arena, vectors.job, vectors.weights)
      trainer.load(vectors.adapter, null)
      return trainer
    }

    test(`${machine}: logits of ${name} after every token, within 1e-4`, () => {
      const trainer = newTrainer()
      const V = model.vocabSize
      for (let t = 0; t < tokens.length; t++) {
        const sequence = tokens.subarray(t - (t % S), t + 1)
        const expected = vectors.logits.subarray(t * V, (t + 1) * V)
        expect(relativeError(trainer.logits(sequence), expected), `token ${t}`).toBeLessThan(1e-4)
      }
    })

    test(`${machine}: gradients of ${name}, tensor by tensor, within 1e-4`, () => {
      const trainer = newTrainer()
      const outcome = trainer.gradient(tokens, targets)
      expect(outcome).toMatchObject({ status: 'ok' })
      const gradient = trainer.meanGradient()
      for (const { layer, target, part, offset, rows, columns } of trainer.layout.tensors) {
        const own = (values: Float32Array) => values.subarray(offset, offset + rows * columns)
        const error = relativeError(own(gradient), own(vectors.gradients))
        expect(error, `layer ${layer} ${target} ${part}`).toBeLessThan(1e-4)
      }
    })

    test(`${machine}: ten training losses of ${name}, within 1e-3`, () => {
      const trainer = newTrainer()
      const losses = vectors.batches.map((batch) => {
        const outcome = trainer.localStep(batch.tokens, batch.targets, vectors.learningRate)
        return outcome.status === 'ok' ? outcome.loss : outcome
      })
      expect(losses).toHaveLength(10)
      for (const [step, loss] of vectors.losses.entries()) {
        expect(Math.abs((losses[step] as number) / loss - 1), `step ${step}`).toBeLessThan(1e-3)
      }
    })

    test(`${machine}: evaluation of ${name} is the loss that training starts from`, () => {
      const { lossSum, targetTokens } = newTrainer().evaluate(tokens, targets)
      expect(Math.abs(lossSum / targetTokens / vectors.loss - 1)).toBeLessThan(1e-5)
    })
  }
}
