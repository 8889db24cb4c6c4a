/**
 * `'{} {name:>8}'.format(…)`.
 * Source: Python 3.11, "Format String Syntax".
 */
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { floatText } from './numbers.ts'
import { floatDigits } from './printf.ts'
import { lengthOf, pointsOf } from './unicode.ts'
import {
  type Arguments,
  isInteger,
  isNumber,
  isText,
  plain,
  typeName,
  type Value,
} from './values.ts'
import { reprOf, textOf } from './write-value.ts'

const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g
const FIELD = /^([^!:]*)(?:!([^:]*))?(?::([\s\S]*))?$/

export function formatText(text: string, given: Arguments, budget: Budget): string {
  let automatic = 0
  let isNumbered = false
  budget.spendText(text.length)
  const valueAt = (first: string): Value => {
    if (first === '' && isNumbered) throw new JinjaError('a format numbers some of its places')
    if (first !== '' && /^\d+$/.test(first)) isNumbered = true
    if (isNumbered && automatic > 0) throw new JinjaError('a format numbers some of its places')
    const name = first === '' ? `${automatic++}` : first
    const value = /^\d+$/.test(name) ? given.list[Number(name)] : given.named.get(name)
    if (value !== undefined) return value
    throw new JinjaError(`a format asks for '${name}', which is not there`)
  }
  return text.replaceAll(PART, (part, inside: string | undefined) => {
    if (part === '{{' || part === '}}') return part[0]!
    if (inside === undefined) throw new JinjaError(`a format has a '${part}' of its own`)
    const [, name = '', conversion, spec = ''] = FIELD.exec(inside)!
    if (/[.[]/.test(name)) notDone('A path in a format')
    return formatted(converted(valueAt(name), conversion, budget), spec, budget)
  })
}

function converted(value: Value, conversion: string | undefined, budget: Budget): Value {
  if (conversion === undefined) return value
  if (conversion === 's') return textOf(value, budget)
  if (conversion === 'r') return reprOf(value, budget)
  throw new JinjaError(`a format has the unknown conversion '!${conversion}'`)
}

const SPEC = /^(?:([\s\S])?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([a-zA-Z%])?$/u

interface Spec {
  fill: string
  align: string
  sign: string
  isAlternate: boolean
  width: number
  grouping: string
  precision: number | null
  kind: string
}

function formatted(value: Value, written: string, budget: Budget): string {
  if (written === '') return textOf(value, budget)
  const match = SPEC.exec(written)
  if (match === null) throw new JinjaError(`a format has the broken part ':${written}'`)
  const spec = specOf(match, isText(value))
  if (isText(value)) return aligned('', textBody(plain(value), spec, match[3]), spec, budget)
  if (isNumber(value) && !(typeof value === 'boolean' && spec.kind === '')) {
    const { prefix, body } = numberBody(value, spec)
    return aligned(prefix, body, spec, budget)
  }
  if (typeof value === 'boolean') return notDone('A format of a boolean')
  throw new JinjaError(`a ${typeName(value)} cannot be formatted by ':${written}'`)
}

function specOf(match: RegExpExecArray, isForText: boolean): Spec {
  const [, fill, align, sign, alternate, zero, width, grouping, precision, kind] = match
  const usual = isForText ? '<' : '>'
  return {
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: align ?? (zero !== undefined && !isForText ? '=' : usual),
    sign: sign ?? '-',
    isAlternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? '',
    precision: precision === undefined ? null : Number(precision),
    kind: kind ?? '',
  }
}

function textBody(text: string, spec: Spec, sign: string | undefined): string {
  const isWrong =
    spec.align === '=' || sign !== undefined || spec.isAlternate || spec.grouping !== ''
  if (isWrong || (spec.kind !== '' && spec.kind !== 's')) {
    throw new JinjaError('a format treats a text as a number')
  }
  return spec.precision === null ? text : pointsOf(text).slice(0, spec.precision).join('')
}

function aligned(prefix: string, body: string, spec: Spec, budget: Budget): string {
  const { fill, align, width } = spec
  const space = Math.max(0, width - lengthOf(prefix + body))
  budget.spendText(space)
  if (align === '<') return prefix + body + fill.repeat(space)
  if (align === '=') return prefix + fill.repeat(space) + body
  if (align === '>') return fill.repeat(space) + prefix + body
  const left = Math.floor(space / 2)
  return fill.repeat(left) + prefix + body + fill.repeat(space - left)
}

interface Written {
  /** Sign and base. */
  prefix: string
  body: string
}

function numberBody(value: bigint | boolean | number, spec: Spec): Written {
  const { kind, grouping } = spec
  if (grouping !== '' && spec.fill === '0' && spec.align === '=') notDone('Groups of padded digits')
  if (isInteger(value) && 'bcdoxXn'.includes(kind)) return wholeBody(BigInt(value), spec)
  const isFloat = kind === '' || 'eEfFgG%'.includes(kind)
  if (!isFloat) throw new JinjaError(`a format has the unknown kind '${kind}'`)
  const number = Number(value)
  const prefix = signOf(number < 0 || Object.is(number, -0), spec)
  const body = floatBody(number, spec)
  return { prefix, body: kind !== '' && 'EFG'.includes(kind) ? body.toUpperCase() : body }
}

function floatBody(number: number, { kind, precision, isAlternate, grouping }: Spec): string {
  if (kind === '%')
    return `${grouped(floatDigits(number * 100, 'f', precision ?? 6, isAlternate), grouping)}%`
  if (kind !== '') {
    return grouped(floatDigits(number, kind.toLowerCase(), precision ?? 6, isAlternate), grouping)
  }
  if (precision !== null) notDone('A format of a float with digits and no kind')
  return grouped(floatText(Math.abs(number)), grouping)
}

const BASES: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16 }

function wholeBody(value: bigint, spec: Spec): Written {
  const { kind, precision, grouping, isAlternate } = spec
  if (kind === 'c' || kind === 'n') return notDone(`The kind '${kind}' of a format`)
  if (precision !== null)
    throw new JinjaError('a format wants digits after the point of a whole number')
  const base = BASES[kind] ?? 10
  if (base !== 10 && grouping === ',')
    throw new JinjaError("a format groups by ',' what is not decimal")
  const digits = (value < 0n ? -value : value).toString(base)
  const body = base === 10 ? grouped(digits, grouping) : groupedBy(digits, grouping, 4)
  const prefix = signOf(value < 0n, spec) + (isAlternate && base !== 10 ? `0${kind}` : '')
  return { prefix, body: kind === 'X' ? body.toUpperCase() : body }
}

const signOf = (isNegative: boolean, { sign }: Spec): string => {
  if (isNegative) return '-'
  return sign === '-' ? '' : sign
}

function grouped(text: string, by: string): string {
  const [, whole = '', rest = ''] = /^(\d*)([\s\S]*)$/.exec(text)!
  return groupedBy(whole, by, 3) + rest
}

const groupedBy = (digits: string, by: string, size: number): string =>
  by === '' ? digits : digits.replaceAll(new RegExp(`(?<=.)(?=(?:.{${size}})+$)`, 'g'), by)
