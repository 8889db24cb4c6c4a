/**
 * What several seeds say together: mean, the 95 % interval of the mean, and quantiles. The interval
 * is Student's, since a few seeds know little of their own spread.
 *
 * Sources: Student 1908, The Probable Error of a Mean; Abramowitz and Stegun 1964, §26.7.3 and
 * §26.7.4 (the distribution as a finite sum); Hyndman and Fan 1996, definition 7 (quantiles).
 */
export interface Summary {
  mean: number
  /** Half of the width of the mean's 95 % interval; null: one value has no spread. */
  within: number | null
  p5: number
  p50: number
  p95: number
}

export function summaryOf(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const mean = meanOf(values)
  const [p5, p50, p95] = [0.05, 0.5, 0.95].map((share) => quantile(sorted, share))
  return { mean, within: withinOf(values, mean), p5: p5!, p50: p50!, p95: p95! }
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function withinOf(values: readonly number[], mean: number): number | null {
  const freedom = values.length - 1
  if (freedom < 1) return null
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return studentQuantile(freedom) * Math.sqrt(squares / freedom / values.length)
}

/** Lies between the two values that are nearest in rank. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!]
  return low + (place - below) * (high - low)
}

const CONFIDENCE = 0.95

/** The t that so many degrees of freedom stay below, either way, in 95 of 100. */
export function studentQuantile(freedom: number): number {
  let [low, high] = [0, Math.PI / 2]
  for (let halving = 0; halving < 60; halving++) {
    const middle = (low + high) / 2
    if (withinAngle(middle, freedom) < CONFIDENCE) low = middle
    else high = middle
  }
  return Math.sqrt(freedom) * Math.tan(low)
}

/** P(|T| ≤ √freedom · tan angle) */
function withinAngle(angle: number, freedom: number): number {
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
  const isOdd = freedom % 2 === 1
  let term = isOdd ? cosine : 1
  let sum = freedom === 1 ? 0 : term
  for (let power = isOdd ? 3 : 2; power <= freedom - 2; power += 2) {
    term *= ((power - 1) / power) * cosine ** 2
    sum += term
  }
  return isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum
}
