/**
 * Expressions, from what binds least to what binds most:
 *
 *   a if b else c   or   and   not   == < in …   + -   ~   * / // %   **   - +   |a  is a   .a [a]
 *
 * Source: Jinja2 3.1, parser.py. As there, and unlike in Python, `**` groups to the left, and a
 * filter after `-x` takes all of it.
 */
import type { Cursor } from './cursor.ts'
import type { BinaryOperator, Comparison, Expression, Given } from './nodes.ts'
import type { Value } from './values.ts'

export const parseExpression = (cursor: Cursor): Expression =>
  cursor.within(() => parseCondition(cursor))

export interface TupleOptions {
  /** Whether `a if b` may be a part: in the head of a loop or an `if` it may not. */
  conditions?: boolean
  /** A name that ends it. */
  end?: string
  /** `()` is a tuple, nothing is not. */
  inBrackets?: boolean
  part?: (cursor: Cursor) => Expression
}

/** One expression, or several with commas, which are a tuple. */
export function parseTuple(cursor: Cursor, options: TupleOptions = {}): Expression {
  const { conditions = true, end, inBrackets = false } = options
  const part = options.part ?? (conditions ? parseExpression : parseOr)
  const { line } = cursor.token
  const items: Expression[] = []
  let isTuple = false
  while (!isTupleEnd(cursor, end)) {
    items.push(cursor.within(() => part(cursor)))
    if (!cursor.isOperator(',')) break
    cursor.take()
    isTuple = true
  }
  if (!isTuple && items.length === 1) return items[0]!
  if (!isTuple && !inBrackets) cursor.fail(`expected an expression, found ${cursor.found}`)
  return { type: 'tuple', items, line }
}

function isTupleEnd(cursor: Cursor, end: string | undefined): boolean {
  if (cursor.is('variable-end') || cursor.is('block-end') || cursor.isOperator(')')) return true
  return end !== undefined && cursor.is('name', end)
}

function parseCondition(cursor: Cursor): Expression {
  let expression = parseOr(cursor)
  while (cursor.is('name', 'if')) {
    const { line } = cursor.take()
    const test = parseOr(cursor)
    const otherwise = cursor.skip('name', 'else') ? parseExpression(cursor) : null
    expression = { type: 'condition', test, whenTrue: expression, otherwise, line }
  }
  return expression
}

function parseOr(cursor: Cursor): Expression {
  let left = parseAnd(cursor)
  while (cursor.is('name', 'or')) {
    const { line } = cursor.take()
    left = { type: 'logic', operator: 'or', left, right: parseAnd(cursor), line }
  }
  return left
}

function parseAnd(cursor: Cursor): Expression {
  let left = parseNot(cursor)
  while (cursor.is('name', 'and')) {
    const { line } = cursor.take()
    left = { type: 'logic', operator: 'and', left, right: parseNot(cursor), line }
  }
  return left
}

function parseNot(cursor: Cursor): Expression {
  if (!cursor.is('name', 'not')) return parseComparison(cursor)
  const { line } = cursor.take()
  const of = cursor.within(() => parseNot(cursor))
  return { type: 'unary', operator: 'not', of, line }
}

function parseComparison(cursor: Cursor): Expression {
  const { line } = cursor.token
  const first = parseSum(cursor)
  const rest: [Comparison, Expression][] = []
  for (let found = comparisonAt(cursor); found !== null; found = comparisonAt(cursor)) {
    cursor.take()
    if (found === 'not in') cursor.take()
    rest.push([found, parseSum(cursor)])
  }
  return rest.length === 0 ? first : { type: 'compare', first, rest, line }
}

function comparisonAt(cursor: Cursor): Comparison | null {
  if (cursor.isOperator('==', '!=', '<', '<=', '>', '>=')) return cursor.token.text as Comparison
  if (cursor.is('name', 'in')) return 'in'
  const { type, text } = cursor.next
  return cursor.is('name', 'not') && type === 'name' && text === 'in' ? 'not in' : null
}

function parseBinary(
  cursor: Cursor,
  operators: readonly BinaryOperator[],
  part: (cursor: Cursor) => Expression,
): Expression {
  let left = part(cursor)
  while (cursor.isOperator(...operators)) {
    const { line, text } = cursor.take()
    left = { type: 'binary', operator: text as BinaryOperator, left, right: part(cursor), line }
  }
  return left
}

const parseSum = (cursor: Cursor) => parseBinary(cursor, ['+', '-'], parseConcat)
const parseProduct = (cursor: Cursor) => parseBinary(cursor, ['*', '/', '//', '%'], parsePower)
const parsePower = (cursor: Cursor) => parseBinary(cursor, ['**'], parseUnary)

function parseConcat(cursor: Cursor): Expression {
  const { line } = cursor.token
  const parts = [parseProduct(cursor)]
  while (cursor.isOperator('~')) {
    cursor.take()
    parts.push(parseProduct(cursor))
  }
  return parts.length === 1 ? parts[0]! : { type: 'concat', parts, line }
}

function parseUnary(cursor: Cursor): Expression {
  return withFilters(cursor, parseSigned(cursor))
}

function parseSigned(cursor: Cursor): Expression {
  if (!cursor.isOperator('-', '+')) return withPostfixes(cursor, parsePrimary(cursor))
  const { line, text } = cursor.take()
  const of = cursor.within(() => parseSigned(cursor))
  return withPostfixes(cursor, { type: 'unary', operator: text as '-' | '+', of, line })
}

const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
])

export function parsePrimary(cursor: Cursor): Expression {
  const { type, text, line } = cursor.token
  switch (type) {
    case 'name':
      cursor.take()
      return CONSTANTS.has(text)
        ? { type: 'constant', value: CONSTANTS.get(text)!, line }
        : { type: 'name', name: text, line }
    case 'string':
      return { type: 'constant', value: parseStrings(cursor), line }
    case 'integer':
      cursor.take()
      return { type: 'constant', value: BigInt(text.replaceAll('_', '')), line }
    case 'float':
      cursor.take()
      return { type: 'constant', value: Number(text.replaceAll('_', '')), line }
    case 'operator':
      return parseBracket(cursor)
    default:
      return cursor.fail(`unexpected ${cursor.found}`)
  }
}

/** Strings side by side are one. */
function parseStrings(cursor: Cursor): string {
  let text = ''
  while (cursor.is('string')) text += cursor.take().text
  return text
}

function parseBracket(cursor: Cursor): Expression {
  const { line, text } = cursor.token
  if (text === '(') {
    cursor.take()
    const tuple = parseTuple(cursor, { inBrackets: true })
    cursor.expect('operator', ')')
    return tuple
  }
  if (text === '[') {
    const items = parseList(cursor, '[', ']', () => parseExpression(cursor))
    return { type: 'list', items, line }
  }
  if (text === '{') {
    const pairs = parseList(cursor, '{', '}', (): [Expression, Expression] => {
      const key = parseExpression(cursor)
      cursor.expect('operator', ':')
      return [key, parseExpression(cursor)]
    })
    return { type: 'dict', pairs, line }
  }
  return cursor.fail(`unexpected ${cursor.found}`)
}

/** A list of parts with commas between, and maybe one at the end. */
function parseList<T>(cursor: Cursor, begin: string, end: string, part: () => T): T[] {
  cursor.expect('operator', begin)
  const parts: T[] = []
  while (!cursor.isOperator(end)) {
    if (parts.length > 0) cursor.expect('operator', ',')
    if (cursor.isOperator(end)) break
    parts.push(part())
  }
  cursor.expect('operator', end)
  return parts
}

/** `.a`, `[a]` and `(a)`. */
export function withPostfixes(cursor: Cursor, of: Expression): Expression {
  let expression = of
  while (cursor.isOperator('.', '[', '(')) {
    const { line } = cursor.token
    expression = cursor.isOperator('(')
      ? { type: 'call', callee: expression, given: parseGiven(cursor), line }
      : parseMember(cursor, expression)
  }
  return expression
}

function parseMember(cursor: Cursor, of: Expression): Expression {
  const { line, text } = cursor.take()
  if (text === '.') {
    const { type, text: name } = cursor.take()
    if (type === 'name') return { type: 'attribute', of, name, line }
    if (type !== 'integer') cursor.fail("expected a name or a number after '.'")
    const value = BigInt(name.replaceAll('_', ''))
    return { type: 'item', of, key: { type: 'constant', value, line }, line }
  }
  const keys: Expression[] = []
  while (!cursor.isOperator(']')) {
    if (keys.length > 0) cursor.expect('operator', ',')
    keys.push(parseKey(cursor))
  }
  cursor.expect('operator', ']')
  const key: Expression = keys.length === 1 ? keys[0]! : { type: 'tuple', items: keys, line }
  return { type: 'item', of, key, line }
}

/** A key, or a slice: `from:to:step`, each of which may be left out. */
function parseKey(cursor: Cursor): Expression {
  const { line } = cursor.token
  const part = () => (cursor.isOperator(':', ']', ',') ? null : parseExpression(cursor))
  const from = part()
  if (!cursor.isOperator(':')) return from ?? cursor.fail(`unexpected ${cursor.found}`)
  cursor.take()
  const to = part()
  const step = cursor.skip('operator', ':') ? part() : null
  return { type: 'slice', parts: [from, to, step], line }
}

/** `|name(…)` and `is name(…)`, and calls of what they make. */
function withFilters(cursor: Cursor, of: Expression): Expression {
  let expression = of
  for (;;) {
    const { line } = cursor.token
    if (cursor.isOperator('|')) expression = parseFilters(cursor, expression)
    else if (cursor.is('name', 'is')) expression = parseTest(cursor, expression)
    else if (cursor.isOperator('(')) {
      expression = { type: 'call', callee: expression, given: parseGiven(cursor), line }
    } else return expression
  }
}

export function parseFilters(cursor: Cursor, of: Expression | null): Expression {
  let expression = of
  while (cursor.skip('operator', '|')) expression = parseFilter(cursor, expression)
  return expression!
}

/** A filter, from its name on. */
export function parseFilter(cursor: Cursor, of: Expression | null): Expression {
  const { line } = cursor.token
  const name = parseDottedName(cursor)
  const given = cursor.isOperator('(') ? parseGiven(cursor) : NOTHING
  return { type: 'filter', of, name, given, line }
}

function parseDottedName(cursor: Cursor): string {
  let { text } = cursor.expect('name')
  while (cursor.skip('operator', '.')) text += `.${cursor.expect('name').text}`
  return text
}

const NOTHING: Given = { list: [], named: [], moreList: null, moreNamed: null }

function parseTest(cursor: Cursor, of: Expression): Expression {
  const { line } = cursor.take()
  const isNegated = cursor.skip('name', 'not')
  const name = parseDottedName(cursor)
  const test: Expression = { type: 'test', of, name, given: parseTestGiven(cursor), line }
  return isNegated ? { type: 'unary', operator: 'not', of: test, line } : test
}

/** A test takes one argument without brackets, too: `is divisibleby 3`. */
function parseTestGiven(cursor: Cursor): Given {
  if (cursor.isOperator('(')) return parseGiven(cursor)
  const { type, text } = cursor.token
  const ends = type === 'name' && ['else', 'or', 'and'].includes(text)
  const begins =
    ['name', 'string', 'integer', 'float'].includes(type) || cursor.isOperator('[', '{')
  if (!begins || ends) return NOTHING
  if (cursor.is('name', 'is')) cursor.fail("one 'is' after the other")
  const list = [withPostfixes(cursor, parsePrimary(cursor))]
  return { list, named: [], moreList: null, moreNamed: null }
}

function parseGiven(cursor: Cursor): Given {
  const given: Given = { list: [], named: [], moreList: null, moreNamed: null }
  const must = (holds: boolean) => {
    if (!holds) cursor.fail('the arguments of a call are in no order')
  }
  parseList(cursor, '(', ')', () => {
    if (cursor.skip('operator', '*')) {
      must(given.moreList === null && given.moreNamed === null)
      given.moreList = parseExpression(cursor)
    } else if (cursor.skip('operator', '**')) {
      must(given.moreNamed === null)
      given.moreNamed = parseExpression(cursor)
    } else if (cursor.is('name') && cursor.next.type === 'operator' && cursor.next.text === '=') {
      must(given.moreNamed === null)
      const name = cursor.take().text
      cursor.take()
      given.named.push([name, parseExpression(cursor)])
    } else {
      must(given.moreList === null && given.moreNamed === null && given.named.length === 0)
      given.list.push(parseExpression(cursor))
    }
  })
  const names = given.named.map(([name]) => name)
  must(new Set(names).size === names.length)
  return given
}
