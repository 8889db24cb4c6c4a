/** The parts of what a template consists of, one level down. */
import type { Body, Expression, Given, Statement, Target } from './nodes.ts'

export function partsOf(expression: Expression): Expression[] {
  switch (expression.type) {
    case 'constant':
    case 'name':
      return []
    case 'tuple':
    case 'list':
      return expression.items
    case 'dict':
      return expression.pairs.flat()
    case 'attribute':
    case 'unary':
      return [expression.of]
    case 'item':
      return [expression.of, expression.key]
    case 'slice':
      return expression.parts.filter((part) => part !== null)
    case 'call':
      return [expression.callee].concat(givenParts(expression.given))
    case 'filter':
      return (expression.of === null ? [] : [expression.of]).concat(givenParts(expression.given))
    case 'test':
      return [expression.of].concat(givenParts(expression.given))
    case 'binary':
    case 'logic':
      return [expression.left, expression.right]
    case 'concat':
      return expression.parts
    case 'compare':
      return [expression.first].concat(expression.rest.map(([, to]) => to))
    case 'condition': {
      const { test, whenTrue, otherwise } = expression
      return otherwise === null ? [test, whenTrue] : [test, whenTrue, otherwise]
    }
  }
}

const givenParts = ({ list, named, moreList, moreNamed }: Given): Expression[] =>
  [...list, ...named.map(([, value]) => value), moreList, moreNamed].filter((part) => part !== null)

/** Those that the statement itself asks for; what is in its bodies is theirs. */
export function expressionsOf(statement: Statement): Expression[] {
  switch (statement.type) {
    case 'output':
    case 'set':
      return [statement.value]
    case 'if':
      return statement.branches.map(([test]) => test)
    case 'for':
      return statement.test === null ? [statement.over] : [statement.over, statement.test.value]
    case 'set-block':
      return statement.filter === null ? [] : [statement.filter]
    case 'with':
      return statement.pairs.map(([, value]) => value)
    case 'macro':
      return statement.macro.defaults
    case 'call':
      return [statement.call, ...statement.macro.defaults]
    case 'filter':
      return [statement.filter]
    default:
      return []
  }
}

export function bodiesOf(statement: Statement): Body[] {
  switch (statement.type) {
    case 'if': {
      const bodies = statement.branches.map(([, body]) => body)
      return statement.otherwise === null ? bodies : bodies.concat(statement.otherwise)
    }
    case 'for':
      return statement.otherwise === null ? [statement.body] : [statement.body, statement.otherwise]
    case 'set-block':
    case 'with':
    case 'filter':
      return [statement.body]
    case 'macro':
    case 'call':
    case 'generation':
      return [statement.macro.body]
    default:
      return []
  }
}

/** Names that a statement sets, not those of macros and of `with`. */
export function namesSet(statement: Statement): string[] {
  if (statement.type === 'set' || statement.type === 'set-block' || statement.type === 'for') {
    return targetNames(statement.target)
  }
  return []
}

export function targetNames(target: Target): string[] {
  if (target.type === 'tuple') return target.items.flatMap(targetNames)
  return target.type === 'name' ? [target.name] : []
}

/** Whether one of a body's statements, however deep, is such. */
export function someStatement(body: Body, holds: (statement: Statement) => boolean): boolean {
  return body.statements.some(
    (one) => holds(one) || bodiesOf(one).some((inner) => someStatement(inner, holds)),
  )
}

export function someExpression(
  expression: Expression,
  holds: (expression: Expression) => boolean,
): boolean {
  return holds(expression) || partsOf(expression).some((part) => someExpression(part, holds))
}

/**
 * Whether parts lie deeper within each other than so many. It goes without recursion, as it guards
 * whoever goes with it: a sum of many numbers lies as deep as it is long.
 */
export function isDeeper(body: Body, depthMax: number): boolean {
  const open: [part: Expression | Body, depth: number][] = [[body, 0]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [part, depth] = next
    if (depth > depthMax) return true
    for (const inner of insideOf(part)) open.push([inner, depth + 1])
  }
  return false
}

function insideOf(part: Expression | Body): readonly (Expression | Body)[] {
  if ('type' in part) return partsOf(part)
  return part.statements.flatMap((statement) => [
    ...expressionsOf(statement),
    ...bodiesOf(statement),
  ])
}
