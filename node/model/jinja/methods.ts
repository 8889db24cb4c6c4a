/** Methods of values that are no texts, and the way to all methods. */

import { bind, bindPlain } from './bind.ts'
import type { Budget } from './budget.ts'
import { JinjaError, notDone } from './errors.ts'
import { areEqual } from './order.ts'
import { TEXT_METHODS } from './text-methods.ts'
import {
  type Arguments,
  Dict,
  isInteger,
  Range,
  SafeText,
  Thing,
  Tuple,
  typeName,
  type Value,
  View,
} from './values.ts'

/** A method as a value; undefined: the value has none of that name. */
export function methodOf(of: Value, name: string, budget: Budget): Value | undefined {
  if (typeof of === 'string') {
    const method = TEXT_METHODS.get(name)
    return method && new Thing('method', { call: (given) => method(of, given, budget) })
  }
  if (of instanceof SafeText) {
    return TEXT_METHODS.has(name) ? notDone(`'${name}' of a text that is marked safe`) : undefined
  }
  if (Array.isArray(of)) {
    return name === 'copy' ? method(name, () => [...of]) : listMethod(of, name)
  }
  if (of instanceof Tuple) {
    const at = of.names.indexOf(name)
    return at < 0 ? listMethod(of.items, name) : of.items[at]
  }
  if (of instanceof Dict) return dictMethod(of, name)
  if (of instanceof Range) return rangeMember(of, name)
  return isInteger(of) || typeof of === 'number' ? numberMember(of, name) : undefined
}

const method = (name: string, call: (given: Arguments) => Value): Thing =>
  new Thing('method', { call, text: () => notDone(`Writing the method '${name}'`) })

function listMethod(items: readonly Value[], name: string): Value | undefined {
  if (name === 'count') {
    return method(name, (given) => {
      const [value] = bindPlain(name, given, ['value'])
      return BigInt(items.filter((item) => areEqual(item, value!)).length)
    })
  }
  if (name === 'index') return method(name, (given) => indexIn(items, given))
  return undefined
}

function indexIn(items: readonly Value[], given: Arguments): Value {
  const [value, from, to] = bindPlain('index', given, ['value', 'start?', 'stop?'])
  const bound = (at: Value | undefined, otherwise: number) => {
    if (at === undefined) return otherwise
    if (!isInteger(at))
      throw new JinjaError(`a place must be a whole number, not a ${typeName(at)}`)
    const place = Number(at)
    return place < 0 ? Math.max(0, place + items.length) : place
  }
  const start = bound(from, 0)
  const stop = Math.min(bound(to, items.length), items.length)
  for (let i = start; i < stop; i++) if (areEqual(items[i]!, value!)) return BigInt(i)
  throw new JinjaError('index finds no such item')
}

function dictMethod(dict: Dict, name: string): Value | undefined {
  switch (name) {
    case 'keys':
    case 'values':
    case 'items':
      return method(name, (given) => {
        bindPlain(name, given, [])
        return new View(dict, name)
      })
    case 'get':
      return method(name, (given) => {
        const [key, otherwise = null] = bindPlain(name, given, ['key', 'default?'])
        const value = dict.get(key!)
        return value === undefined ? otherwise : value
      })
    case 'copy':
      return method(name, (given) => {
        bindPlain(name, given, [])
        return Dict.of(dict.pairs())
      })
    case 'fromkeys':
      return notDone("'fromkeys' of a dict")
    default:
      return undefined
  }
}

function rangeMember(range: Range, name: string): Value | undefined {
  if (name === 'start' || name === 'stop' || name === 'step') return BigInt(range[name])
  if (name !== 'count' && name !== 'index') return undefined
  return listMethod(
    Array.from({ length: range.length }, (_, i) => range.at(i)),
    name,
  )
}

const NUMBER_METHODS = [
  'as_integer_ratio',
  'bit_count',
  'bit_length',
  'from_bytes',
  'fromhex',
  'hex',
  'to_bytes',
]

function numberMember(of: bigint | boolean | number, name: string): Value | undefined {
  const isWhole = typeof of !== 'number'
  const value = isWhole ? BigInt(of) : of
  if (name === 'real') return value
  if (name === 'imag') return isWhole ? 0n : 0
  if (name === 'numerator' && isWhole) return value
  if (name === 'denominator' && isWhole) return 1n
  if (name === 'conjugate') return method(name, () => value)
  if (name === 'is_integer' && !isWhole) {
    return method(name, (given) => {
      bind(name, given, [])
      return Number.isInteger(value)
    })
  }
  if (NUMBER_METHODS.includes(name)) notDone(`'${name}' of a number`)
  return undefined
}
