/** What loops and filters go through. */
import type { Budget } from './budget.ts'
import { JinjaError } from './errors.ts'
import { pointsOf } from './unicode.ts'
import {
  Dict,
  Range,
  SafeText,
  Stream,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.ts'

/** What a loop goes through. @throws JinjaError for what is no collection */
export function* iterate(value: Value, budget: Budget): Generator<Value> {
  for (const item of sourceOf(value)) {
    budget.spend(1)
    yield item
  }
}

export const isIterable = (value: Value): boolean => sourceIn(value) !== null

function sourceOf(value: Value): Iterable<Value> {
  const source = sourceIn(value)
  if (source !== null) return source
  throw new JinjaError(`a ${typeName(value)} cannot be gone through`)
}

function sourceIn(value: Value): Iterable<Value> | null {
  if (typeof value === 'string') return pointsOf(value)
  if (value instanceof SafeText) return pointsOf(value.text)
  if (Array.isArray(value)) return value
  if (value instanceof Tuple) return value.items
  if (value instanceof Dict) return value.keys()
  if (value instanceof Range) return rangeItems(value)
  if (value instanceof View || value instanceof Stream) return value
  return value instanceof Undefined ? [] : null
}

function* rangeItems(range: Range): Generator<Value> {
  for (let i = 0; i < range.length; i++) yield range.at(i)
}
