/**
 * Text, token by token: the model's distribution, sharpened by a temperature, drawn from a seed.
 */
import type { Trainer } from '../../kernels/train-step.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'
import type { GenerateInput } from './task.ts'

/**
 * Yields ids until `tokensMax` or the stop id. The context is the last `contextMax` tokens.
 * Temperature 0 takes the likeliest token.
 */
export function* sample(
  trainer: Pick<Trainer, 'logits'>,
  contextMax: number,
  { prompt, tokensMax, temperature, seed, stopId }: Omit<GenerateInput, 'adapter'>,
): Generator<number> {
  const random = prng(seed)
  const context = [...prompt]
  for (let count = 0; count < tokensMax; count++) {
    const logits = trainer.logits(Int32Array.from(context.slice(-contextMax)))
    const id =
      temperature === 0 ? likeliest(logits) : draw(logits, temperature, nextFraction(random))
    if (id === stopId) return
    yield id
    context.push(id)
  }
}

function likeliest(logits: Float32Array): number {
  return logits.reduce((best, value, id) => (value > logits[best]! ? id : best), 0)
}

/** The id at which the cumulative softmax(logits / temperature) passes `fraction`. */
function draw(logits: Float32Array, temperature: number, fraction: number): number {
  const max = logits[likeliest(logits)]!
  const weights = Array.from(logits, (value) => Math.exp((value - max) / temperature))
  let rest = fraction * weights.reduce((sum, weight) => sum + weight, 0)
  return Math.max(
    0,
    weights.findIndex((weight) => {
      rest -= weight
      return rest < 0
    }),
  )
}
