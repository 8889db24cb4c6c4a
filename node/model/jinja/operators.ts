/**
 * What operators make of values.
 * Source: Python 3.11, "Binary arithmetic operations".
 */
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { iterate } from './iterate.ts'
import type { BinaryOperator, Comparison } from './nodes.ts'
import { areEqual, holds, isAtMost, isLess } from './order.ts'
import { printf } from './printf.ts'
import {
  Dict,
  isInteger,
  isNumber,
  isText,
  plain,
  Range,
  SafeText,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/** Bits of a whole number. */
const BITS_MAX = 16_384

export function calculate(
  operator: BinaryOperator,
  left: Value,
  right: Value,
  budget: Budget,
): Value {
  if (operator === '%' && isText(left)) {
    if (typeof left === 'string') return printf(left, right, budget)
    return notDone("'%' of a text that is marked safe")
  }
  for (const value of [left, right]) if (value instanceof Undefined) value.fail()
  if (isNumber(left) && isNumber(right)) return numbers(operator, left, right)
  if (operator === '+') return joined(left, right, budget)
  if (operator === '*' && isInteger(right)) return repeated(left, Number(right), budget)
  if (operator === '*' && isInteger(left)) return repeated(right, Number(left), budget)
  return impossible(operator, left, right)
}

function impossible(operator: string, left: Value, right: Value): never {
  throw new JinjaError(`'${operator}' takes no ${typeName(left)} and ${typeName(right)}`)
}

function joined(left: Value, right: Value, budget: Budget): Value {
  if (typeof left === 'string' && typeof right === 'string') {
    budget.spendText(left.length + right.length)
    return left + right
  }
  if (isText(left) && isText(right)) return joinedSafely(left, right, budget)
  if (Array.isArray(left) && Array.isArray(right)) {
    budget.spend(left.length + right.length)
    return left.concat(right)
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    budget.spend(left.items.length + right.items.length)
    return new Tuple(left.items.concat(right.items))
  }
  return impossible('+', left, right)
}

/** A text that is marked safe makes another beside it safe, too. */
function joinedSafely(left: string | SafeText, right: string | SafeText, budget: Budget): SafeText {
  const [a, b] = [escaped(left), escaped(right)]
  budget.spendText(a.text.length + b.text.length)
  return new SafeText(a.text + b.text)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
}

/** The text as it may stand in HTML. Source: MarkupSafe, `escape`. */
export function escaped(text: string | SafeText): SafeText {
  if (text instanceof SafeText) return text
  return new SafeText(text.replaceAll(/[&<>'"]/g, (letter) => ESCAPES[letter]!))
}

function repeated(of: Value, times: number, budget: Budget): Value {
  if (!Number.isSafeInteger(times)) throw new JinjaError('a value is repeated too often')
  const count = Math.max(0, times)
  if (isText(of)) {
    budget.spendText(plain(of).length * count)
    const text = plain(of) === '' ? '' : plain(of).repeat(count)
    return typeof of === 'string' ? text : new SafeText(text)
  }
  const items = Array.isArray(of) ? of : of instanceof Tuple ? of.items : null
  if (items === null) return impossible('*', of, BigInt(times))
  budget.spend(items.length * count)
  const all = items.length === 0 ? [] : Array.from({ length: count }, () => items).flat()
  return Array.isArray(of) ? all : new Tuple(all)
}

type AnyNumber = bigint | boolean | number

function numbers(operator: BinaryOperator, left: AnyNumber, right: AnyNumber): Value {
  if (isInteger(left) && isInteger(right)) return integers(operator, BigInt(left), BigInt(right))
  return floats(operator, floatOf(left), floatOf(right))
}

function floatOf(value: AnyNumber): number {
  const float = Number(value)
  if (typeof value !== 'bigint' || Number.isFinite(float)) return float
  throw new JinjaError('a whole number is too large for a float')
}

function integers(operator: BinaryOperator, a: bigint, b: bigint): bigint | number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return bounded(a * b)
    case '/':
      return quotient(a, b)
    case '//':
      return floorDivided(a, b)
    case '%':
      return a - floorDivided(a, b) * b
    case '**':
      return power(a, b)
  }
}

function bounded(value: bigint): bigint {
  if (BigInt.asIntN(BITS_MAX, value) === value) return value
  throw new JinjaError(`a whole number has more than ${BITS_MAX} bits`)
}

const EXACT = BigInt(Number.MAX_SAFE_INTEGER)
const isExact = (value: bigint) => value <= EXACT && value >= -EXACT

function quotient(a: bigint, b: bigint): number {
  if (b === 0n) throw new JinjaError('a number is divided by 0')
  if (isExact(a) && isExact(b)) return Number(a) / Number(b)
  return notDone('Division of numbers beyond 2^53')
}

function floorDivided(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new JinjaError('a number is divided by 0')
  const whole = a / b
  return a % b !== 0n && a < 0n !== b < 0n ? whole - 1n : whole
}

function power(a: bigint, b: bigint): bigint {
  if (b < 0n) return notDone('A power that is no whole number')
  let result = 1n
  let square = a
  for (let rest = b; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = bounded(result * square)
    if (rest > 1n) square = bounded(square * square)
  }
  return result
}

function floats(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '**':
      // Engines differ in its last digits, and so would what is learned.
      return notDone('A power of floats')
  }
  if (b === 0) throw new JinjaError('a number is divided by 0')
  if (operator === '/') return a / b
  const { whole, rest } = floorAndRest(a, b)
  return operator === '//' ? whole : rest
}

/** The rest has the divisor's sign. Source: Python 3.11, floatobject.c (`_float_div_mod`). */
function floorAndRest(a: number, b: number): { whole: number; rest: number } {
  let rest = a % b
  let whole = (a - rest) / b
  if (rest === 0) rest = b < 0 ? -0 : 0
  else if (b < 0 !== rest < 0) {
    rest += b
    whole -= 1
  }
  if (whole === 0) return { whole: a / b < 0 || Object.is(a / b, -0) ? -0 : 0, rest }
  const floor = Math.floor(whole)
  return { whole: whole - floor > 0.5 ? floor + 1 : floor, rest }
}

export function negated(value: Value, operator: '-' | '+'): Value {
  if (value instanceof Undefined) return value.fail()
  if (isInteger(value)) return operator === '-' ? -BigInt(value) : BigInt(value)
  if (typeof value === 'number') return operator === '-' ? -value : value
  throw new JinjaError(`'${operator}' takes no ${typeName(value)}`)
}

export function compare(operator: Comparison, a: Value, b: Value, budget: Budget): boolean {
  switch (operator) {
    case '==':
      return areEqual(a, b)
    case '!=':
      return !areEqual(a, b)
    case '<':
      return isLess(a, b)
    case '>':
      return isLess(b, a)
    case '<=':
      return isAtMost(a, b)
    case '>=':
      return isAtMost(b, a)
    case 'in':
      return contains(b, a, budget)
    case 'not in':
      return !contains(b, a, budget)
  }
}

export function contains(whole: Value, part: Value, budget: Budget): boolean {
  if (isText(whole)) {
    budget.spendText(plain(whole).length)
    if (isText(part)) return plain(whole).includes(plain(part))
    if (part instanceof Undefined) part.fail()
    throw new JinjaError(`a text holds no ${typeName(part)}`)
  }
  if (whole instanceof Dict) return whole.get(part) !== undefined
  if (whole instanceof Range && typeof part === 'bigint') return rangeHolds(whole, part)
  return holds(iterate(whole, budget), part)
}

function rangeHolds(range: Range, value: bigint): boolean {
  const index = (Number(value) - range.start) / range.step
  return Number.isInteger(index) && index >= 0 && index < range.length
}
