/** What expressions come to. */
import { attributeOrItem, itemOrAttribute, sliceOf } from './access.ts'
import { JinjaError } from './errors.ts'
import { iterate } from './iterate.ts'
import { filterOf, testOf } from './library.ts'
import type { Expression, Given } from './nodes.ts'
import { calculate, compare, negated } from './operators.ts'
import { type Engine, read, type Scope } from './scope.ts'
import {
  type Arguments,
  Dict,
  isText,
  isTrue,
  plain,
  Thing,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.ts'
import { textOf } from './write-value.ts'

/** @param held what a filter without a value is for: what its block holds */
export function evaluate(
  expression: Expression,
  scope: Scope,
  engine: Engine,
  held: Value = '',
): Value {
  const { budget } = engine
  budget.spend(1)
  budget.enter()
  engine.line = expression.line
  const value = evaluateOne(expression, scope, engine, held)
  budget.leave()
  return value
}

function evaluateOne(expression: Expression, scope: Scope, engine: Engine, held: Value): Value {
  const { budget } = engine
  const the = (part: Expression): Value => evaluate(part, scope, engine)
  switch (expression.type) {
    case 'constant':
      return expression.value
    case 'name':
      return read(expression.name, scope)
    case 'list':
      return expression.items.map(the)
    case 'tuple':
      return new Tuple(expression.items.map(the))
    case 'dict':
      return Dict.of(expression.pairs.map(([key, value]): [Value, Value] => [the(key), the(value)]))
    case 'attribute':
      return attributeOrItem(the(expression.of), expression.name, budget)
    case 'item':
      return itemOf(expression, the, engine)
    case 'slice':
      throw new JinjaError('a slice stands for several keys')
    case 'call':
      return callValue(the(expression.callee), argumentsOf(expression.given, scope, engine))
    case 'filter': {
      const value = expression.of === null ? held : evaluate(expression.of, scope, engine, held)
      const given = argumentsOf(expression.given, scope, engine)
      return filterOf(expression.name)(value, given, budget)
    }
    case 'test': {
      const value = the(expression.of)
      const given = argumentsOf(expression.given, scope, engine)
      return testOf(expression.name)(value, given, budget)
    }
    case 'unary':
      return expression.operator === 'not'
        ? !isTrue(the(expression.of))
        : negated(the(expression.of), expression.operator)
    case 'binary':
      return calculate(expression.operator, the(expression.left), the(expression.right), budget)
    case 'logic': {
      const left = the(expression.left)
      return isTrue(left) === (expression.operator === 'or') ? left : the(expression.right)
    }
    case 'concat':
      return concat(expression.parts.map(the), engine)
    case 'compare':
      return comparison(expression, the, engine)
    case 'condition':
      if (isTrue(the(expression.test))) return the(expression.whenTrue)
      if (expression.otherwise !== null) return the(expression.otherwise)
      return new Undefined("a condition without 'else' does not hold")
  }
}

type The = (part: Expression) => Value

function itemOf(
  { of, key }: Extract<Expression, { type: 'item' }>,
  the: The,
  { budget }: Engine,
): Value {
  const value = the(of)
  if (key.type !== 'slice') return itemOrAttribute(value, the(key), budget)
  const parts = key.parts.map((part) => (part === null ? null : the(part)))
  return sliceOf(value, parts, budget)
}

/** a < b < c: each with the next, up to the first that does not hold. */
function comparison(
  { first, rest }: Extract<Expression, { type: 'compare' }>,
  the: The,
  { budget }: Engine,
): boolean {
  let left = the(first)
  for (const [operator, to] of rest) {
    const right = the(to)
    if (!compare(operator, left, right, budget)) return false
    left = right
  }
  return true
}

function concat(parts: readonly Value[], { budget }: Engine): string {
  const texts = parts.map((part) => textOf(part, budget))
  budget.spendText(texts.reduce((length, text) => length + text.length, 0))
  return texts.join('')
}

export function callValue(callee: Value, given: Arguments): Value {
  if (callee instanceof Undefined) return callee.fail()
  const call = callee instanceof Thing ? callee.call : undefined
  if (call === undefined) throw new JinjaError(`a ${typeName(callee)} cannot be called`)
  return call(given)
}

export function argumentsOf(given: Given, scope: Scope, engine: Engine): Arguments {
  const list = given.list.map((part) => evaluate(part, scope, engine))
  const named = new Map<string, Value>()
  for (const [name, value] of given.named) named.set(name, evaluate(value, scope, engine))
  if (given.moreList !== null) {
    const more = evaluate(given.moreList, scope, engine)
    for (const item of iterate(more, engine.budget)) list.push(item)
  }
  if (given.moreNamed !== null) addNamed(evaluate(given.moreNamed, scope, engine), named)
  return { list, named }
}

function addNamed(more: Value, named: Map<string, Value>): void {
  if (!(more instanceof Dict)) throw new JinjaError(`'**' takes a dict, not a ${typeName(more)}`)
  for (const [key, value] of more.pairs()) {
    if (!isText(key)) throw new JinjaError(`'**' takes names, not a ${typeName(key)}`)
    if (named.has(plain(key))) throw new JinjaError(`an argument '${plain(key)}' comes twice`)
    named.set(plain(key), value)
  }
}
