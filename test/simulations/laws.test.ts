/**
 * What the presets draw is what their laws say: sessions and absences by the Kolmogorov-Smirnov
 * test, and their means, each from a fixed seed.
 */
import { expect, test } from 'vitest'
import { draw, mean, stream } from '../../simulations/laws.ts'
import { PRESETS } from '../../simulations/presets.ts'
import { distribution } from './distribution.ts'

const DRAWS = 4000
/** The test's critical value at the 0.1 % level (Smirnov 1948), times √n. */
const CRITICAL = 1.95

const LAWS = PRESETS.flatMap(({ name, session, absence }) => [
  { what: `sessions of ${name}`, law: session },
  ...(absence === null ? [] : [{ what: `absences of ${name}`, law: absence }]),
])

for (const [index, { what, law }] of LAWS.entries()) {
  const random = stream(20, index)
  const drawn = Array.from({ length: DRAWS }, () => draw(random, law)).sort((a, b) => a - b)

  test(`${what} follow their distribution`, () => {
    const distances = drawn.map((x, i) => {
      const p = distribution(law, x)
      return Math.max(p - i / DRAWS, (i + 1) / DRAWS - p)
    })
    expect(Math.max(...distances)).toBeLessThan(CRITICAL / Math.sqrt(DRAWS))
  })

  test(`${what} have the mean of their law`, () => {
    const average = drawn.reduce((sum, x) => sum + x, 0) / DRAWS
    const variance = drawn.reduce((sum, x) => sum + (x - average) ** 2, 0) / DRAWS
    const error = Math.abs(average - mean(law)) / Math.sqrt(variance / DRAWS)
    expect(error).toBeLessThan(5)
  })
}
