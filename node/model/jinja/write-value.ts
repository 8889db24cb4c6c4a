/**
 * Values as text: as `str` writes them, as `repr` does, and as JSON.
 * Source: Python 3.11, `repr`; json.dumps.
 */
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { floatText } from './numbers.ts'
import { compareValues } from './order.ts'
import {
  Dict,
  isText,
  type Namespace,
  plain,
  Range,
  SafeText,
  Stream,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.ts'

export function textOf(value: Value, budget: Budget): string {
  if (isText(value)) return plain(value)
  if (value instanceof Undefined) return ''
  return reprOf(value, budget)
}

export function reprOf(value: Value, budget: Budget): string {
  budget.spend(1)
  if (value === null) return 'None'
  switch (typeof value) {
    case 'string':
      return quoted(value, budget)
    case 'boolean':
      return value ? 'True' : 'False'
    case 'bigint':
      return integerText(value)
    case 'number':
      return floatText(value)
    default:
      return objectRepr(value, budget)
  }
}

/** Python reads and writes no longer ones, either. */
const DIGITS_MAX = 4300

export function integerText(value: bigint): string {
  const text = value.toString()
  if (text.length - (value < 0n ? 1 : 0) <= DIGITS_MAX) return text
  throw new JinjaError(`a number has more than ${DIGITS_MAX} digits`)
}

function objectRepr(
  value: Exclude<Value, null | string | boolean | bigint | number>,
  budget: Budget,
): string {
  if (value instanceof SafeText) return `Markup(${quoted(value.text, budget)})`
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Range) return rangeRepr(value)
  if (value instanceof Stream) return notDone('Writing a generator')
  if (value instanceof Thing) return value.text ?? notDone(`Writing a ${value.name}`)
  budget.enter()
  const text = collectionRepr(value, budget)
  budget.leave()
  budget.spendText(text.length)
  return text
}

function collectionRepr(value: Value[] | Tuple | Dict | View | Namespace, budget: Budget): string {
  const list = (items: Iterable<Value>) =>
    Array.from(items, (item) => reprOf(item, budget)).join(', ')
  if (Array.isArray(value)) return `[${list(value)}]`
  if (value instanceof Tuple) return `(${list(value.items)}${value.items.length === 1 ? ',' : ''})`
  if (value instanceof View) return `dict_${value.kind}([${list(value)}])`
  const pairs = value instanceof Dict ? value.pairs() : value.fields
  const body = Array.from(pairs, ([key, item]) => `${reprOf(key, budget)}: ${reprOf(item, budget)}`)
  const dict = `{${body.join(', ')}}`
  return value instanceof Dict ? dict : `<Namespace ${dict}>`
}

function rangeRepr({ start, stop, step }: Range): string {
  return step === 1 ? `range(${start}, ${stop})` : `range(${start}, ${stop}, ${step})`
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function quoted(text: string, budget: Budget): string {
  budget.spendText(text.length)
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inside = text.replaceAll(/[\\'"\p{C}\p{Z}]/gu, (point) => {
    if (point === ' ') return ' '
    if (point === '\\' || point === quote) return `\\${point}`
    if (point === '"' || point === "'") return point
    return ESCAPES[point] ?? codeOf(point.codePointAt(0)!)
  })
  return quote + inside + quote
}

function codeOf(code: number): string {
  const hex = code.toString(16)
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

export interface JsonOptions {
  isAscii: boolean
  /** Null: all in one line. */
  indent: string | null
  separators: readonly [item: string, key: string]
  sortsKeys: boolean
}

export function jsonOf(value: Value, options: JsonOptions, budget: Budget): string {
  return jsonAt(value, options, budget, 0)
}

function jsonAt(value: Value, options: JsonOptions, budget: Budget, depth: number): string {
  budget.spend(1)
  if (value === null || typeof value === 'boolean') return `${value}`
  if (typeof value === 'bigint') return integerText(value)
  if (typeof value === 'number') return jsonFloat(value)
  if (isText(value)) return jsonText(plain(value), options, budget)
  const part = (inner: Value) => jsonAt(inner, options, budget, depth + 1)
  if (value instanceof Dict) {
    const { sortsKeys, separators } = options
    const pairs = [...value.pairs()]
    if (sortsKeys) pairs.sort(([a], [b]) => compareValues(a, b))
    const key = (name: Value) => jsonText(jsonKey(name), options, budget)
    const parts = pairs.map(([name, inner]) => `${key(name)}${separators[1]}${part(inner)}`)
    return enclosed('{', parts, '}', { options, budget, depth })
  }
  if (Array.isArray(value) || value instanceof Tuple) {
    const items = Array.isArray(value) ? value : value.items
    return enclosed('[', items.map(part), ']', { options, budget, depth })
  }
  throw new JinjaError(`a ${typeName(value)} cannot be written as JSON`)
}

function enclosed(
  begin: string,
  parts: readonly string[],
  end: string,
  { options, budget, depth }: { options: JsonOptions; budget: Budget; depth: number },
): string {
  const { indent, separators } = options
  if (parts.length === 0) return begin + end
  const line = (at: number) => {
    if (indent === null) return ''
    budget.spendText(at * indent.length)
    return `\n${indent.repeat(at)}`
  }
  const inner = line(depth + 1)
  budget.spendText(parts.length * inner.length)
  const text = parts.join(separators[0] + inner)
  budget.spendText(text.length)
  return begin + inner + text + line(depth) + end
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (Number.isFinite(value)) return floatText(value)
  return value < 0 ? '-Infinity' : 'Infinity'
}

function jsonKey(key: Value): string {
  if (isText(key)) return plain(key)
  if (key === null || typeof key === 'boolean') return `${key}`
  if (typeof key === 'bigint') return integerText(key)
  if (typeof key === 'number') return jsonFloat(key)
  throw new JinjaError(`a ${typeName(key)} can be no key in JSON`)
}

function jsonText(text: string, { isAscii }: JsonOptions, budget: Budget): string {
  budget.spendText(text.length)
  const json = JSON.stringify(text)
  if (!isAscii) return json
  // One unit of UTF-16 at a time, as JSON spells letters.
  return json.replaceAll(/[\u007f-\uffff]/g, (unit) =>
    unit === '\x7f' ? unit : `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
