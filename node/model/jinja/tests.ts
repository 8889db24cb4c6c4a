/**
 * Tests: what `is` asks.
 * Source: Jinja2 3.1, tests.py.
 */
import { bind, bindPlain } from './bind.ts'
import type { Budget } from './budget.ts'
import { CASES } from './cases.ts'
import { notDone } from './errors.ts'
import { isIterable } from './iterate.ts'
import type { Comparison } from './nodes.ts'
import { calculate, compare } from './operators.ts'
import { areEqual } from './order.ts'
import {
  type Arguments,
  Dict,
  isNumber,
  isText,
  Range,
  SafeText,
  Thing,
  Tuple,
  Undefined,
  type Value,
} from './values.ts'
import { textOf } from './write-value.ts'

export type Test = (value: Value, given: Arguments, budget: Budget) => boolean

const simple =
  (name: string, holds: (value: Value) => boolean): Test =>
  (value, given) => {
    bind(name, given, [])
    return holds(value)
  }

const rest =
  (name: string, expected: bigint): Test =>
  (value, given, budget) => {
    bind(name, given, [])
    return areEqual(calculate('%', value, 2n, budget), expected)
  }

const ofCase =
  (name: string, method: string): Test =>
  (value, given, budget) => {
    bind(name, given, [])
    return CASES.get(method)!(textOf(value, budget))
  }

const comparison =
  (operator: Comparison): Test =>
  (value, given, budget) => {
    const [other] = bindPlain(operator, given, ['other'])
    return compare(operator, value, other!, budget)
  }

function isSequence(value: Value): boolean {
  return (
    isText(value) ||
    Array.isArray(value) ||
    [Tuple, Dict, Range, Undefined].some((x) => value instanceof x)
  )
}

/** An undefined value can be called, too, and fails. */
const isCallable = (value: Value) =>
  value instanceof Undefined || (value instanceof Thing && value.call !== undefined)

function sameas(value: Value, given: Arguments): boolean {
  const [other] = bind('sameas', given, ['other'])
  const isSingle = value === null || typeof value === 'boolean' || typeof value === 'object'
  // Whether two equal numbers or texts are one is up to Python's memory.
  if (!isSingle && typeof value === typeof other && areEqual(value, other!)) {
    return notDone("'sameas' of texts or numbers")
  }
  return value === other
}

export const PLAIN_TESTS: readonly [name: string, test: Test][] = [
  ['odd', rest('odd', 1n)],
  ['even', rest('even', 0n)],
  [
    'divisibleby',
    (value, given, budget) => {
      const [by] = bind('divisibleby', given, ['num'])
      return areEqual(calculate('%', value, by!, budget), 0n)
    },
  ],
  ['defined', simple('defined', (value) => !(value instanceof Undefined))],
  ['undefined', simple('undefined', (value) => value instanceof Undefined)],
  ['none', simple('none', (value) => value === null)],
  ['boolean', simple('boolean', (value) => typeof value === 'boolean')],
  ['false', simple('false', (value) => value === false)],
  ['true', simple('true', (value) => value === true)],
  ['integer', simple('integer', (value) => typeof value === 'bigint')],
  ['float', simple('float', (value) => typeof value === 'number')],
  ['number', simple('number', isNumber)],
  ['string', simple('string', isText)],
  ['mapping', simple('mapping', (value) => value instanceof Dict)],
  ['sequence', simple('sequence', isSequence)],
  ['iterable', simple('iterable', isIterable)],
  ['callable', simple('callable', isCallable)],
  ['escaped', simple('escaped', (value) => value instanceof SafeText)],
  ['lower', ofCase('lower', 'islower')],
  ['upper', ofCase('upper', 'isupper')],
  ['sameas', sameas],
  [
    'in',
    (value, given, budget) => {
      const [whole] = bind('in', given, ['seq'])
      return compare('in', value, whole!, budget)
    },
  ],
  ...(
    [
      ['==', ['==', 'eq', 'equalto']],
      ['!=', ['!=', 'ne']],
      ['>', ['>', 'gt', 'greaterthan']],
      ['>=', ['>=', 'ge']],
      ['<', ['<', 'lt', 'lessthan']],
      ['<=', ['<=', 'le']],
    ] as const
  ).flatMap(([operator, names]) =>
    names.map((name): [string, Test] => [name, comparison(operator)]),
  ),
]
