/**
 * What the row ops mean, in doubles and with Math's own functions: the independent truth against
 * which values are compared, and whose finite differences are the truth of the backward ops. One
 * row at a time.
 */

export const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

export function rmsNorm(x: readonly number[], w: readonly number[], eps: number): number[] {
  const mean = sumOf(x.map((value) => value ** 2)) / x.length
  return x.map((value, i) => (value / Math.sqrt(mean + eps)) * w[i]!)
}

/** Multiplies the complex numbers x[i] + i·x[half + i] by e^(i·position·theta^(-2i/E)). */
export function rope(x: readonly number[], position: number, theta: number): number[] {
  const half = x.length / 2
  return x.map((value, j) => {
    const angle = position * theta ** (-(j % half) / half)
    const other = j < half ? -x[j + half]! : x[j - half]!
    return value * Math.cos(angle) + other * Math.sin(angle)
  })
}

export function softmax(x: readonly number[], scale: number): number[] {
  const max = Math.max(...x)
  const e = x.map((value) => Math.exp(scale * (value - max)))
  return e.map((value) => value / sumOf(e))
}

export function swiglu(gate: number, up: number): number {
  return (gate / (1 + Math.exp(-gate))) * up
}

export function crossEntropy(logits: readonly number[], target: number): number {
  return -Math.log(softmax(logits, 1)[target]!)
}

/** Gradient of Σ dy·f(x) by central differences. */
export function gradientOf(
  f: (x: readonly number[]) => readonly number[],
  x: readonly number[],
  dy: readonly number[],
): number[] {
  const step = 1e-5
  const along = (i: number, by: number) => {
    const y = f(x.map((value, j) => (j === i ? value + by : value)))
    return sumOf(y.map((value, j) => value * dy[j]!))
  }
  return x.map((_, i) => (along(i, step) - along(i, -step)) / (2 * step))
}
