/**
 * `'%s' % value`.
 * Source: Python 3.11, "printf-style String Formatting".
 */
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { exponentText, fixedText, floatText, generalText } from './numbers.ts'
import { lengthOf, pointsOf } from './unicode.ts'
import {
  Dict,
  isInteger,
  isNumber,
  isText,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'
import { reprOf, textOf } from './write-value.ts'

const PLACE = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?[hlL]?([\s\S])?/gu
/** Digits after the point of a float. */
const PLACES_MAX = 300

interface Place {
  flags: string
  width: number
  precision: number | null
  kind: string
}

export function printf(format: string, given: Value, budget: Budget): string {
  const list = given instanceof Tuple ? given.items : [given]
  let used = 0
  const next = (): Value => {
    if (used === list.length) throw new JinjaError('a format has more places than values')
    return list[used++]!
  }
  let isNamed = false
  const written = format.replaceAll(PLACE, (whole, name, flags, width, precision, kind) => {
    if (kind === '%' && whole === '%%') return '%'
    if (kind === undefined) throw new JinjaError('a format ends within a place')
    const number = (text: string): number => {
      if (text !== '*') return Number(text)
      const value = next()
      return isInteger(value) ? Number(value) : notDone('A width that is no whole number')
    }
    isNamed ||= name !== undefined
    const place: Place = {
      flags,
      width: width === undefined ? 0 : number(width),
      precision: precision === undefined ? null : number(precision),
      kind,
    }
    return placed(place, name === undefined ? next() : namedValue(given, name), budget)
  })
  const isMapping = given instanceof Dict || Array.isArray(given) || given instanceof Undefined
  if (!isNamed && used < list.length && !(isMapping && used === 0)) {
    throw new JinjaError('a format has more values than places')
  }
  return written
}

function namedValue(given: Value, name: string): Value {
  const found = given instanceof Dict ? given.get(name) : undefined
  if (found !== undefined) return found
  throw new JinjaError(`a format asks for '${name}', which is not there`)
}

function placed({ flags, width, precision, kind }: Place, value: Value, budget: Budget): string {
  const { sign, body } = bodyOf({ flags, precision, kind }, value, budget)
  const isNumeric = !'sracC'.includes(kind)
  const space = Math.max(0, width - lengthOf(sign + body))
  budget.spendText(space)
  if (flags.includes('-')) return sign + body + ' '.repeat(space)
  if (flags.includes('0') && isNumeric) return sign + '0'.repeat(space) + body
  return ' '.repeat(space) + sign + body
}

interface Written {
  sign: string
  body: string
}

function bodyOf(
  { flags, precision, kind }: Omit<Place, 'width'>,
  value: Value,
  budget: Budget,
): Written {
  switch (kind) {
    case 's':
    case 'r': {
      const text = kind === 's' ? textOf(value, budget) : reprOf(value, budget)
      return {
        sign: '',
        body: precision === null ? text : pointsOf(text).slice(0, precision).join(''),
      }
    }
    case 'c':
      return { sign: '', body: letterOf(value) }
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o':
      return wholeBody(flags, precision, kind, value)
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return floatBody(flags, precision ?? 6, kind, value)
    default:
      throw new JinjaError(`a format has the unknown place '%${kind}'`)
  }
}

function letterOf(value: Value): string {
  if (isText(value) && typeof value === 'string' && lengthOf(value) === 1) return value
  const code = isInteger(value) ? Number(value) : -1
  if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code)
  throw new JinjaError("'%c' takes one letter")
}

const signOf = (isNegative: boolean, flags: string): string => {
  if (isNegative) return '-'
  if (flags.includes('+')) return '+'
  return flags.includes(' ') ? ' ' : ''
}

function wholeBody(flags: string, precision: number | null, kind: string, value: Value): Written {
  const number = wholeOf(kind, value)
  const size = number < 0n ? -number : number
  const base = kind === 'o' ? 8 : kind === 'x' || kind === 'X' ? 16 : 10
  const digits = size.toString(base).padStart(Math.min(precision ?? 0, PLACES_MAX), '0')
  const prefix = !flags.includes('#') || base === 10 ? '' : base === 8 ? '0o' : '0x'
  const sign = signOf(number < 0n, flags) + prefix
  return kind === 'X'
    ? { sign: sign.toUpperCase(), body: digits.toUpperCase() }
    : { sign, body: digits }
}

function wholeOf(kind: string, value: Value): bigint {
  if (isInteger(value)) return BigInt(value)
  const isDecimal = 'diu'.includes(kind)
  if (isDecimal && typeof value === 'number' && Number.isFinite(value)) {
    return BigInt(Math.trunc(value))
  }
  throw new JinjaError(`'%${kind}' takes a number, not a ${typeName(value)}`)
}

function floatBody(flags: string, precision: number, kind: string, value: Value): Written {
  if (!isNumber(value)) {
    throw new JinjaError(`'%${kind}' takes a number, not a ${typeName(value)}`)
  }
  const number = Number(value)
  const sign = signOf(number < 0 || Object.is(number, -0), flags)
  const body = floatDigits(number, kind.toLowerCase(), precision, flags.includes('#'))
  return { sign, body: kind === kind.toLowerCase() ? body : body.toUpperCase() }
}

/** The size of a float in the style `e`, `f` or `g`. */
export function floatDigits(
  value: number,
  style: string,
  precision: number,
  keepsZeros: boolean,
): string {
  if (precision > PLACES_MAX) {
    throw new JinjaError(`a format asks for more than ${PLACES_MAX} digits`)
  }
  if (!Number.isFinite(value)) return floatText(Math.abs(value))
  if (style === 'g') return generalText(value, precision, keepsZeros)
  const text = style === 'e' ? exponentText(value, precision) : fixedText(value, precision)
  return keepsZeros && precision === 0 ? notDone("'#' without digits") : text
}
