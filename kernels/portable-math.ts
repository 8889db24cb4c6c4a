/**
 * exp, log, sine and cosine of doubles from + - * / and Math.floor alone, which IEEE 754 fixes to
 * the bit, so that every engine gets the same tables (Math.exp and its kin differ between engines).
 * Each is a range reduction and a short series; all stay within about 1e-15 of the truth, relative
 * for exp and log, absolute for sine and cosine.
 * Source: range reductions after Cody & Waite 1980; π/2 split and sine, cosine coefficients of
 * fdlibm (k_sin.c, k_cos.c, e_rem_pio2.c).
 */

const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
const LOG2_E = Math.LOG2E
const SQRT2 = Math.SQRT2

/** Where e^x is the least normal double, and the largest finite one, in whole numbers. */
const EXP_MIN = -708
const EXP_MAX = 709

/**
 * e^x = e^r · 2^k with |r| <= ln 2 / 2, thirteen Taylor terms; 0 below -708, before a result would
 * be denormal, and Infinity above 709.
 */
export function expDouble(x: number): number {
  if (x < EXP_MIN) return 0
  if (x > EXP_MAX) return Infinity
  const k = Math.floor(x * LOG2_E + 0.5)
  const r = x - k * LN2_HIGH - k * LN2_LOW
  let sum = 1
  for (let i = 13; i >= 1; i--) sum = 1 + (r / i) * sum
  return sum * powerOfTwo(k)
}

const double = new DataView(new ArrayBuffer(8))

/** 2^k as the bits of a double, k from -1022 to 1023: a loop of doublings would take a while. */
function powerOfTwo(k: number): number {
  double.setInt32(0, (k + 1023) << 20)
  return double.getFloat64(0)
}

/**
 * Natural logarithm: x = m · 2^k with m in [√½, √2], then 2·artanh(s) with s = (m - 1) / (m + 1).
 * |s| <= 0.172, so s^25 / 25 is below the last bit.
 */
export function logDouble(x: number): number {
  if (x === 0) return -Infinity
  if (x === Infinity) return x
  if (!(x > 0)) return NaN
  let m = x
  let k = 0
  for (; m > SQRT2; k++) m *= 0.5
  for (; m < SQRT2 * 0.5; k--) m *= 2
  const s = (m - 1) / (m + 1)
  const s2 = s * s
  let sum = 0
  for (let i = 23; i >= 1; i -= 2) sum = sum * s2 + 1 / i
  return k * LN2_HIGH + (2 * s * sum + k * LN2_LOW)
}

const TWO_OVER_PI = 0.6366197723675814
/**
 * π/2 in three parts; the first two have 33 bits, so that their products with k < 2^20 are exact.
 */
const PIO2_1 = 1.5707963267341256
const PIO2_2 = 6.077100506303966e-11
const PIO2_3 = 2.0222662487959506e-21

const SIN = [
  1.58969099521155e-10, -2.5050760253406863e-8, 0.0000027557313707070068, -0.0001984126982985795,
  0.00833333333332249, -0.16666666666666632,
]
const COS = [
  -1.1359647557788195e-11, 2.087572321298175e-9, -2.7557314351390663e-7, 0.00002480158728947673,
  -0.001388888888887411, 0.0416666666666666,
]

/** Cosine and sine of an angle in radians, |angle| < 2^20. */
export function cosSinDouble(angle: number): [cos: number, sin: number] {
  const k = Math.floor(angle * TWO_OVER_PI + 0.5)
  const r = angle - k * PIO2_1 - k * PIO2_2 - k * PIO2_3
  const r2 = r * r
  const sin = r + r * r2 * horner(SIN, r2)
  const cos = 1 - 0.5 * r2 + r2 * r2 * horner(COS, r2)
  switch (k & 3) {
    case 0:
      return [cos, sin]
    case 1:
      return [-sin, cos]
    case 2:
      return [-cos, -sin]
    default:
      return [sin, -cos]
  }
}

/** Coefficients run from the highest power down. */
function horner(coefficients: readonly number[], x: number): number {
  let sum = 0
  for (const c of coefficients) sum = sum * x + c
  return sum
}
