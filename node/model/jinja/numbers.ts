/**
 * Numbers written as Python writes them.
 * Source: Python 3.11, "Format Specification Mini-Language", `float.__repr__`, `round`.
 */

/** The shortest digits that read back as the same float; JavaScript has the same ones. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [mantissa, exponent] = Math.abs(value).toExponential().split('e')
  const digits = mantissa!.replace('.', '')
  const power = Number(exponent)
  if (power >= 16 || power < -4) return sign + withExponent(digits, power, false)
  if (power < 0) return `${sign}0.${'0'.repeat(-power - 1)}${digits}`
  const whole = digits.slice(0, power + 1).padEnd(power + 1, '0')
  return `${sign}${whole}.${digits.slice(power + 1) || '0'}`
}

function withExponent(digits: string, power: number, keepsPoint: boolean): string {
  const rest = digits.slice(1)
  const point = rest === '' && !keepsPoint ? '' : '.'
  const size = `${Math.abs(power)}`.padStart(2, '0')
  return `${digits[0]}${point}${rest}e${power < 0 ? '-' : '+'}${size}`
}

/** |value| · 10^places as a whole number, by the float's exact value; halves go to the even one. */
function scaled(value: number, places: number): bigint {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, Math.abs(value))
  const raw = bits.getBigUint64(0)
  const exponent = Number(raw >> 52n)
  const fraction = raw & 0xfffffffffffffn
  const mantissa = exponent === 0 ? fraction : fraction | 0x10000000000000n
  const power = BigInt(Math.max(exponent, 1) - 1075)
  let top = mantissa
  let bottom = 1n
  if (power >= 0n) top <<= power
  else bottom <<= -power
  if (places >= 0) top *= powerOfTen(places)
  else bottom *= powerOfTen(-places)
  return dividedToEven(top, bottom)
}

const powerOfTen = (exponent: number): bigint => BigInt(`1${'0'.repeat(exponent)}`)

function dividedToEven(top: bigint, bottom: bigint): bigint {
  const whole = top / bottom
  const twice = (top % bottom) * 2n
  const isUp = twice > bottom || (twice === bottom && whole % 2n === 1n)
  return isUp ? whole + 1n : whole
}

const isNegative = (value: number) => value < 0 || Object.is(value, -0)

/** `round(value, places)`. */
export function roundedFloat(value: number, places: number): number {
  if (!Number.isFinite(value) || places > 323) return value
  const digits = scaled(value, places)
  return Number(`${isNegative(value) ? '-' : ''}${digits}e${-places}`)
}

export function roundedInteger(value: bigint, places: number): bigint {
  if (places >= 0) return value
  const unit = powerOfTen(-places)
  const size = value < 0n ? -value : value
  const rounded = dividedToEven(size, unit) * unit
  return value < 0n ? -rounded : rounded
}

/** The size of a finite float in the style `f`. */
export function fixedText(value: number, places: number): string {
  const digits = scaled(value, places)
    .toString()
    .padStart(places + 1, '0')
  const whole = digits.slice(0, digits.length - places)
  return places === 0 ? whole : `${whole}.${digits.slice(digits.length - places)}`
}

/** The size of a finite float in the style `e`. */
export function exponentText(value: number, places: number): string {
  const { digits, power } = significant(value, places + 1)
  return withExponent(digits, power, false)
}

/** The size of a finite float in the style `g`; `keepsZeros`: as `#` asks. */
export function generalText(value: number, precision: number, keepsZeros: boolean): string {
  const count = Math.max(precision, 1)
  const { digits, power } = significant(value, count)
  const isFixed = power >= -4 && power < count
  const trim = (text: string) =>
    keepsZeros || !text.includes('.') ? text : text.replace(/\.?0+$/, '')
  if (isFixed) return trim(fixedText(value, count - 1 - power))
  const short = keepsZeros ? digits : digits[0] + digits.slice(1).replace(/0+$/, '')
  return withExponent(short, power, keepsZeros)
}

function significant(value: number, count: number): { digits: string; power: number } {
  if (value === 0) return { digits: '0'.repeat(count), power: 0 }
  const power = Number(Math.abs(value).toExponential().split('e')[1])
  const digits = scaled(value, count - 1 - power).toString()
  // Rounding may have carried to one more digit.
  return digits.length > count
    ? { digits: digits.slice(0, count), power: power + 1 }
    : { digits, power }
}

/** The whole number that `int` reads; null: it reads none. */
export function parseInteger(text: string, base: number): bigint | null {
  const match = /^([+-]?)(0[xob])?([0-9a-z]+(?:_[0-9a-z]+)*)$/i.exec(text)
  if (match === null) return null
  const [, sign, prefix = '', given] = match
  const prefixes: Record<string, number> = { '0x': 16, '0o': 8, '0b': 2 }
  const prefixBase = prefixes[prefix.toLowerCase()]
  const isPrefix = prefixBase !== undefined && (base === 0 || base === prefixBase)
  const digits = (isPrefix ? given! : prefix + given).replaceAll('_', '').toLowerCase()
  const actual = base === 0 ? (prefixBase ?? 10) : base
  if (base === 0 && prefixBase === undefined && /^0+[1-9]/.test(digits)) return null
  let value = 0n
  for (const digit of digits) {
    const number = Number.parseInt(digit, 36)
    if (Number.isNaN(number) || number >= actual) return null
    value = value * BigInt(actual) + BigInt(number)
  }
  return sign === '-' ? -value : value
}

export function parseFloatText(text: string): number | null {
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (special !== null) {
    const value = special[2]!.toLowerCase() === 'nan' ? NaN : Infinity
    return special[1] === '-' ? -value : value
  }
  const digits = '\\d+(?:_\\d+)*'
  const pattern = new RegExp(
    `^[+-]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:e[+-]?${digits})?$`,
    'i',
  )
  return pattern.test(text) ? Number(text.replaceAll('_', '')) : null
}
