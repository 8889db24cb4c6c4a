/**
 * Which values are equal, and which come first.
 * Source: Python 3.11, "Value comparisons".
 */
import { JinjaError } from './errors.ts'
import {
  Dict,
  isInteger,
  isNumber,
  isText,
  plain,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

export function areEqual(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return numberOf(a) === numberOf(b) || isSameMixed(a, b)
  if (isText(a) && isText(b)) return plain(a) === plain(b)
  if (Array.isArray(a) && Array.isArray(b)) return areAllEqual(a, b)
  if (a instanceof Tuple && b instanceof Tuple) return areAllEqual(a.items, b.items)
  if (a instanceof Dict && b instanceof Dict) return areSameDicts(a, b)
  if (a instanceof Range && b instanceof Range) return areSameRanges(a, b)
  if (a instanceof Undefined && b instanceof Undefined) return true
  return a === b
}

/** Equal, or the very same, as `in` asks: so a list finds a NaN that it holds. */
const isFound = (a: Value, b: Value) => Object.is(a, b) || areEqual(a, b)

export function holds(items: Iterable<Value>, value: Value): boolean {
  for (const item of items) if (isFound(item, value)) return true
  return false
}

const numberOf = (value: bigint | boolean | number): bigint | number =>
  isInteger(value) ? BigInt(value) : value

/** JavaScript compares a bigint with a number exactly, but not by `===`. */
function isSameMixed(a: bigint | boolean | number, b: bigint | boolean | number): boolean {
  const [x, y] = [numberOf(a), numberOf(b)]
  return typeof x !== typeof y && x <= y && x >= y
}

function areAllEqual(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => isFound(item, b[i]!))
}

function areSameDicts(a: Dict, b: Dict): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a.pairs()) {
    const other = b.get(key)
    if (other === undefined || !isFound(value, other)) return false
  }
  return true
}

function areSameRanges(a: Range, b: Range): boolean {
  if (a.length !== b.length) return false
  return a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step))
}

/** A result below 0: a comes first. @throws JinjaError for what has no order */
export function compareValues(a: Value, b: Value): number {
  if (isLess(a, b)) return -1
  return isLess(b, a) ? 1 : 0
}

/** a < b. @throws JinjaError for what has no order */
export function isLess(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return numberOf(a) < numberOf(b)
  if (isText(a) && isText(b)) return isTextLess(plain(a), plain(b))
  if (Array.isArray(a) && Array.isArray(b)) return isListLess(a, b, false)
  if (a instanceof Tuple && b instanceof Tuple) return isListLess(a.items, b.items, false)
  return unordered(a, b)
}

/** a <= b. */
export function isAtMost(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return numberOf(a) <= numberOf(b)
  if (isText(a) && isText(b)) return !isTextLess(plain(b), plain(a))
  if (Array.isArray(a) && Array.isArray(b)) return isListLess(a, b, true)
  if (a instanceof Tuple && b instanceof Tuple) return isListLess(a.items, b.items, true)
  return unordered(a, b)
}

function unordered(a: Value, b: Value): never {
  for (const value of [a, b]) if (value instanceof Undefined) value.fail()
  throw new JinjaError(`a ${typeName(a)} and a ${typeName(b)} have no order`)
}

/** Python compares code points, where JavaScript compares units of UTF-16. */
function isTextLess(a: string, b: string): boolean {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1
  if (at === a.length || at === b.length) return a.length < b.length
  const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff
  const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
  return isSurrogate(x) === isSurrogate(y) ? x < y : isSurrogate(y)
}

/** Lists by the first item in which they differ. */
function isListLess(a: readonly Value[], b: readonly Value[], orEqual: boolean): boolean {
  const count = Math.min(a.length, b.length)
  for (let i = 0; i < count; i++) {
    if (isFound(a[i]!, b[i]!)) continue
    return orEqual ? isAtMost(a[i]!, b[i]!) : isLess(a[i]!, b[i]!)
  }
  return orEqual ? a.length <= b.length : a.length < b.length
}
