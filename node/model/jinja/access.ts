/**
 * What is in a value: its items, its attributes, parts of it.
 *
 * `a.b` is the attribute before the item, `a['b']` the item before the attribute, so that
 * `tool.items` is a method even where the tool has such a key. What would change a list or a dict
 * counts as undefined, and so does what begins with an underscore.
 * Source: Jinja2 3.1, sandbox.py (`ImmutableSandboxedEnvironment`).
 */
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { methodOf } from './methods.ts'
import { pointsOf } from './unicode.ts'
import {
  Dict,
  isInteger,
  isText,
  Namespace,
  plain,
  Range,
  SafeText,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.ts'

export function attributeOrItem(of: Value, name: string, budget: Budget): Value {
  const attribute = attributeOf(of, name, budget)
  if (attribute !== undefined) return attribute
  const item = itemOf(of, name, budget)
  return item === undefined ? absent(of, name) : item
}

export function itemOrAttribute(of: Value, key: Value, budget: Budget): Value {
  const item = itemOf(of, key, budget)
  if (item !== undefined) return item
  const name = isText(key) ? plain(key) : null
  const attribute = name === null ? undefined : attributeOf(of, name, budget)
  return attribute === undefined ? absent(of, name ?? 'such item') : attribute
}

function absent(of: Value, name: string): Undefined {
  return new Undefined(`a ${typeName(of)} has no '${name}'`)
}

/** Attributes that every value of Python has, and that Jinja2 lets nobody have. */
const UNSAFE = /^__(class|doc|eq|hash|init|new|reduce|repr|str)__$/

function attributeOf(of: Value, name: string, budget: Budget): Value | undefined {
  if (UNSAFE.test(name)) return new Undefined(`access to '${name}' is unsafe`)
  if (of instanceof Undefined) return of.fail()
  if (of instanceof Namespace) return of.fields.get(name)
  if (of instanceof Thing) return of.attribute(name)
  return methodOf(of, name, budget)
}

/** Undefined: there is none. */
function itemOf(of: Value, key: Value, budget: Budget): Value | undefined {
  if (of instanceof Undefined) return of.fail()
  if (of instanceof Dict) return canBeKey(key) ? of.get(key) : undefined
  if (!isInteger(key)) return undefined
  if (isText(of)) return pointAt(of, key, budget)
  if (Array.isArray(of)) return at(of, key)
  if (of instanceof Tuple) return at(of.items, key)
  if (of instanceof Range) {
    const index = placeOf(of.length, key)
    return index === null ? undefined : of.at(index)
  }
  return undefined
}

function pointAt(of: string | SafeText, key: bigint | boolean, budget: Budget): Value | undefined {
  const text = plain(of)
  budget.spendText(text.length)
  const point = at(pointsOf(text), key)
  return point === undefined || typeof of === 'string' ? point : new SafeText(point)
}

/** A list is no key, and Jinja2 takes what it cannot look up for undefined. */
const canBeKey = (key: Value) =>
  !(Array.isArray(key) || key instanceof Dict || key instanceof View) &&
  !(key instanceof Tuple && !key.items.every(canBeKeyPart))
const canBeKeyPart = (key: Value): boolean =>
  key instanceof Tuple
    ? key.items.every(canBeKeyPart)
    : !(Array.isArray(key) || key instanceof Dict)

function at<T>(items: readonly T[], key: bigint | boolean): T | undefined {
  const index = placeOf(items.length, key)
  return index === null ? undefined : items[index]
}

/** The place that a key means; a negative key counts from the end. */
function placeOf(length: number, key: bigint | boolean): number | null {
  const given = Number(key)
  const index = given < 0 ? given + length : given
  return index >= 0 && index < length ? index : null
}

/** @throws JinjaError for what has no order, or for a step of 0 */
export function sliceOf(of: Value, parts: readonly (Value | null)[], budget: Budget): Value {
  if (of instanceof Undefined) return of.fail()
  const take = <T>(items: readonly T[]): T[] => {
    budget.spend(items.length)
    return Array.from(placesOf(items.length, parts), (place) => items[place]!)
  }
  if (isText(of)) {
    const text = take(pointsOf(plain(of))).join('')
    return typeof of === 'string' ? text : new SafeText(text)
  }
  if (Array.isArray(of)) return take(of)
  if (of instanceof Tuple) return new Tuple(take(of.items))
  if (of instanceof Range) return rangeSlice(of, parts)
  // Jinja2 refuses them, but for constants, which it cuts before it runs.
  return notDone(`Cutting a ${typeName(of)}`)
}

function rangeSlice(range: Range, parts: readonly (Value | null)[]): Range {
  const { from, to, step } = sliceBounds(range.length, parts)
  const place = (index: number) => range.start + index * range.step
  return new Range(place(from), place(to), range.step * step)
}

function* placesOf(length: number, parts: readonly (Value | null)[]): Generator<number> {
  const { from, to, step } = sliceBounds(length, parts)
  for (let i = from; step > 0 ? i < to : i > to; i += step) yield i
}

/** Source: Python 3.11, `slice.indices`. */
function sliceBounds(length: number, parts: readonly (Value | null)[]) {
  const [from, to, step = 1] = parts.map(sliceNumber)
  if (step === 0) throw new JinjaError('the step of a slice is 0')
  const [least, most] = step! < 0 ? [-1, length - 1] : [0, length]
  const bound = (value: number | undefined, otherwise: number) => {
    if (value === undefined) return otherwise
    return value < 0 ? Math.max(value + length, least) : Math.min(value, most)
  }
  return step! < 0
    ? { from: bound(from, most), to: bound(to, least), step: step! }
    : { from: bound(from, least), to: bound(to, most), step: step! }
}

function sliceNumber(value: Value | null): number | undefined {
  if (value === null) return undefined
  if (value instanceof Undefined) return value.fail()
  if (isInteger(value)) return Number(value)
  throw new JinjaError(`a part of a slice must be a whole number, not a ${typeName(value)}`)
}
