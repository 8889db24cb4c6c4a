/**
 * A template's statements.
 * Source: Jinja2 3.1, parser.py and ext.py (`loopcontrols`); transformers, chat_template_utils.py
 * (`generation`).
 */
import { DEPTH_MAX } from './budget.ts'
import { Cursor } from './cursor.ts'
import { JinjaError, notDone } from './errors.ts'
import { tokensOf } from './lexer.ts'
import type { Body, Expression, MacroBody, Signature, Statement, Target } from './nodes.ts'
import {
  parseExpression,
  parseFilter,
  parseFilters,
  parsePrimary,
  parseTuple,
} from './parse-expression.ts'
import { resolveNames } from './scopes.ts'
import { isDeeper } from './walk.ts'

/** @throws JinjaError with the line */
export function parseTemplate(source: string): Body {
  const cursor = new Cursor(tokensOf(source))
  const body = bodyOf(parseStatements(cursor, []))
  if (!cursor.is('end')) cursor.fail(`unexpected ${cursor.found}`)
  if (isDeeper(body, DEPTH_MAX)) {
    throw new JinjaError(`its parts lie more than ${DEPTH_MAX} deep within each other`)
  }
  resolveNames(body)
  return body
}

const bodyOf = (statements: Statement[]): Body => ({ statements, initial: null })

/** Stops at a tag of one of these names, which is not taken; without names, at the end. */
function parseStatements(cursor: Cursor, ends: readonly string[]): Statement[] {
  const statements: Statement[] = []
  for (;;) {
    const { type, line } = cursor.token
    if (type === 'data') statements.push({ type, text: cursor.take().text, line })
    else if (type === 'variable-begin') statements.push(parseOutput(cursor))
    else if (type === 'block-begin') {
      cursor.take()
      if (cursor.is('name') && ends.includes(cursor.token.text)) return statements
      statements.push(...cursor.within(() => parseStatement(cursor)))
      cursor.expect('block-end')
    } else if (ends.length === 0) return statements
    else throw new JinjaError(`it ends without '${ends.at(-1)}'`, line)
  }
}

function parseOutput(cursor: Cursor): Statement {
  const { line } = cursor.take()
  const value = parseTuple(cursor)
  cursor.expect('variable-end')
  return { type: 'output', value, line }
}

/** A body between the end of one tag and the next of these, of which the name is told. */
function parseBody(cursor: Cursor, ends: readonly string[]): { body: Body; end: string } {
  cursor.skip('operator', ':')
  cursor.expect('block-end')
  const body = bodyOf(parseStatements(cursor, ends))
  return { body, end: cursor.take().text }
}

/** A macro is a function of its own: no `break` in it ends a loop around it. */
function parseMacroBody(cursor: Cursor, end: string): Body {
  const { loops } = cursor
  cursor.loops = 0
  const { body } = parseBody(cursor, [end])
  cursor.loops = loops
  return body
}

function parseStatement(cursor: Cursor): Statement[] {
  const { text, line } = cursor.expect('name')
  switch (text) {
    case 'for':
      return [parseFor(cursor, line)]
    case 'if':
      return [parseIf(cursor, line)]
    case 'set':
      return [parseSet(cursor, line)]
    case 'with':
      return [parseWith(cursor, line)]
    case 'macro':
      return [parseMacro(cursor, line)]
    case 'call':
      return [parseCall(cursor, line)]
    case 'filter': {
      const filter = parseFilterChain(cursor)
      return [{ type: 'filter', filter, body: parseBody(cursor, ['endfilter']).body, line }]
    }
    case 'print':
      return parsePrint(cursor)
    case 'generation':
      return [{ type: 'generation', macro: blockMacro(cursor, 'endgeneration'), line }]
    case 'break':
    case 'continue':
      if (cursor.loops === 0) throw new JinjaError(`'${text}' is in no loop`, line)
      return [{ type: text, line }]
    case 'block':
    case 'extends':
    case 'include':
    case 'import':
    case 'from':
    case 'autoescape':
      return notDone(`The tag '${text}'`)
    default:
      throw new JinjaError(`it has the unknown tag '${text}'`, line)
  }
}

function parseFor(cursor: Cursor, line: number): Statement {
  const target = parseTarget(cursor, { end: 'in' })
  cursor.expect('name', 'in')
  const over = parseTuple(cursor, { conditions: false, end: 'recursive' })
  const test = cursor.skip('name', 'if') ? parseExpression(cursor) : null
  const isRecursive = cursor.skip('name', 'recursive')
  cursor.loops += 1
  const { body, end } = parseBody(cursor, ['else', 'endfor'])
  cursor.loops -= 1
  const otherwise = end === 'else' ? parseBody(cursor, ['endfor']).body : null
  const filter = test === null ? null : { value: test, initial: [] }
  return { type: 'for', target, over, test: filter, isRecursive, body, otherwise, line }
}

function parseIf(cursor: Cursor, line: number): Statement {
  const branches: [Expression, Body][] = []
  for (;;) {
    const test = parseTuple(cursor, { conditions: false })
    const { body, end } = parseBody(cursor, ['elif', 'else', 'endif'])
    branches.push([test, body])
    if (end === 'elif') continue
    const otherwise = end === 'else' ? parseBody(cursor, ['endif']).body : null
    return { type: 'if', branches, otherwise, line }
  }
}

function parseSet(cursor: Cursor, line: number): Statement {
  const target = parseTarget(cursor, { fields: true })
  if (cursor.skip('operator', '=')) {
    return { type: 'set', target, value: parseTuple(cursor), line }
  }
  const filter = cursor.isOperator('|') ? parseFilters(cursor, null) : null
  return { type: 'set-block', target, filter, body: parseBody(cursor, ['endset']).body, line }
}

function parseWith(cursor: Cursor, line: number): Statement {
  const pairs: [Target, Expression][] = []
  while (!cursor.is('block-end')) {
    if (pairs.length > 0) cursor.expect('operator', ',')
    const target = parseTarget(cursor)
    cursor.expect('operator', '=')
    pairs.push([target, parseExpression(cursor)])
  }
  return { type: 'with', pairs, body: parseBody(cursor, ['endwith']).body, line }
}

function parseMacro(cursor: Cursor, line: number): Statement {
  const name = parseName(cursor)
  const signature = parseSignature(cursor)
  return {
    type: 'macro',
    macro: macroOf(name, signature, parseMacroBody(cursor, 'endmacro')),
    line,
  }
}

function macroOf(name: string | null, { parameters, defaults }: Signature, body: Body): MacroBody {
  const uses = { caller: false, kwargs: false, varargs: false }
  return { name, parameters, defaults, body, uses }
}

const blockMacro = (cursor: Cursor, end: string): MacroBody =>
  macroOf(null, { parameters: [], defaults: [] }, parseMacroBody(cursor, end))

function parseCall(cursor: Cursor, line: number): Statement {
  const none = { parameters: [], defaults: [] }
  const signature = cursor.isOperator('(') ? parseSignature(cursor) : none
  const call = parseExpression(cursor)
  if (call.type !== 'call') throw new JinjaError("the tag 'call' calls nothing", line)
  return {
    type: 'call',
    call,
    macro: macroOf(null, signature, parseMacroBody(cursor, 'endcall')),
    line,
  }
}

function parseSignature(cursor: Cursor): Signature {
  const parameters: string[] = []
  const defaults: Expression[] = []
  cursor.expect('operator', '(')
  while (!cursor.isOperator(')')) {
    if (parameters.length > 0) cursor.expect('operator', ',')
    parameters.push(parseName(cursor))
    if (cursor.skip('operator', '=')) defaults.push(parseExpression(cursor))
    else if (defaults.length > 0) cursor.fail('a parameter without a default after one with it')
  }
  cursor.expect('operator', ')')
  if (new Set(parameters).size < parameters.length) cursor.fail('two parameters of one name')
  return { parameters, defaults }
}

function parseFilterChain(cursor: Cursor): Expression {
  const first = parseFilter(cursor, null)
  return cursor.isOperator('|') ? parseFilters(cursor, first) : first
}

function parsePrint(cursor: Cursor): Statement[] {
  const outputs: Statement[] = []
  while (!cursor.is('block-end')) {
    if (outputs.length > 0) cursor.expect('operator', ',')
    const { line } = cursor.token
    outputs.push({ type: 'output', value: parseExpression(cursor), line })
  }
  return outputs
}

function parseName(cursor: Cursor): string {
  const target = parseTarget(cursor, { single: true })
  return target.type === 'name' ? target.name : cursor.fail('expected a name')
}

interface TargetOptions {
  end?: string
  /** `a.b` of a namespace. */
  fields?: boolean
  single?: boolean
}

function parseTarget(cursor: Cursor, { end, fields, single }: TargetOptions = {}): Target {
  const part = (at: Cursor): Expression => {
    const primary = parsePrimary(at)
    if (fields !== true || primary.type !== 'name' || !at.skip('operator', '.')) return primary
    const { text: name, line } = at.expect('name')
    return { type: 'attribute', of: primary, name, line }
  }
  if (single === true) return targetOf(cursor, part(cursor))
  return targetOf(cursor, parseTuple(cursor, end === undefined ? { part } : { part, end }))
}

function targetOf(cursor: Cursor, expression: Expression): Target {
  const { line } = expression
  if (expression.type === 'name') return { type: 'name', name: expression.name, line }
  if (expression.type === 'attribute' && expression.of.type === 'name') {
    return { type: 'field', name: expression.of.name, field: expression.name, line }
  }
  if (expression.type === 'tuple') {
    return { type: 'tuple', items: expression.items.map((item) => targetOf(cursor, item)), line }
  }
  throw new JinjaError('only names can be set', line)
}
