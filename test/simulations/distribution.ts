/**
 * The distribution functions of the laws that churn is drawn from. Source: Numerical Recipes §6.2
 * (incomplete gamma).
 */
import { type Law, logGamma } from '../../simulations/laws.ts'

/** P(X ≤ x) */
export function distribution(law: Law, x: number): number {
  if (x <= 0) return 0
  switch (law.law) {
    case 'exponential':
      return 1 - Math.exp(-x / law.mean)
    case 'gamma':
      return incompleteGamma(law.shape, x / law.scale)
    case 'weibull':
      return 1 - Math.exp(-((x / law.scale) ** law.shape))
    case 'lognormal':
      return normalDistribution(Math.log(x / law.median) / law.sd)
    case 'hyperexponential':
      return law.phases.reduce((sum, { share, rate }) => sum + share * -Math.expm1(-rate * x), 0)
  }
}

/** Φ(x) by the incomplete gamma function: erf(z) = P(1/2, z²). */
function normalDistribution(x: number): number {
  const half = incompleteGamma(0.5, (x * x) / 2) / 2
  return x < 0 ? 0.5 - half : 0.5 + half
}

/** P(a, x), regularised: by its series below a + 1, by a continued fraction above. */
function incompleteGamma(a: number, x: number): number {
  if (x <= 0) return 0
  const front = Math.exp(a * Math.log(x) - x - logGamma(a))
  if (x < a + 1) {
    let term = 1 / a
    let sum = term
    for (let n = 1; n < 500 && Math.abs(term) > Math.abs(sum) * 1e-14; n++) {
      term *= x / (a + n)
      sum += term
    }
    return sum * front
  }
  let b = x + 1 - a
  let c = 1e300
  let d = 1 / b
  let h = d
  for (let n = 1; n < 500; n++) {
    const an = -n * (n - a)
    b += 2
    d = 1 / (an * d + b)
    c = b + an / c
    h *= d * c
    if (Math.abs(d * c - 1) < 1e-14) break
  }
  return 1 - front * h
}
