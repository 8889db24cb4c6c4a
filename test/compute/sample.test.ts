/** Which token is drawn. */
import { expect, test } from 'vitest'
import { drawToken, type Sampling } from '../../node/compute/sample.ts'
import { nextFraction, prng } from '../../protocol/prng.ts'

/** Probabilities 0.1, 0.4, 0.2, 0.3 of ids 0 to 3. */
const LOGITS = Float32Array.from([0.1, 0.4, 0.2, 0.3], Math.log)
const ALL: Sampling = { temperature: 1, topK: 0, topP: 1 }
const DRAWS = 20_000

/** How often each id is drawn, out of all draws. */
function shares(sampling: Sampling): number[] {
  const random = prng(7)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < DRAWS; i++) counts[drawToken(LOGITS, sampling, nextFraction(random))]! += 1
  return counts.map((count) => count / DRAWS)
}

for (const [what, sampling, expected] of [
  ['all, as likely as they are', ALL, [0.1, 0.4, 0.2, 0.3]],
  ['the likeliest at temperature 0', { ...ALL, temperature: 0 }, [0, 1, 0, 0]],
  ['squares at temperature 1/2', { ...ALL, temperature: 0.5 }, [1 / 30, 16 / 30, 4 / 30, 9 / 30]],
  ['the two likeliest', { ...ALL, topK: 2 }, [0, 4 / 7, 0, 3 / 7]],
  ['more than there are', { ...ALL, topK: 9 }, [0.1, 0.4, 0.2, 0.3]],
  ['those that make up 0.65', { ...ALL, topP: 0.65 }, [0, 4 / 7, 0, 3 / 7]],
  ['those that make up 0.75', { ...ALL, topP: 0.75 }, [0, 4 / 9, 2 / 9, 3 / 9]],
  ['one at least', { ...ALL, topP: 0 }, [0, 1, 0, 0]],
] as [string, Sampling, number[]][]) {
  test(`drawn are ${what}`, () => {
    // Five standard deviations of a share.
    for (const [id, share] of shares(sampling).entries()) {
      const p = expected[id]!
      expect(Math.abs(share - p)).toBeLessThanOrEqual(5 * Math.sqrt((p * (1 - p)) / DRAWS))
    }
  })
}
